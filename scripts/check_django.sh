#!/bin/sh
# Django's own checks, as `make lint` runs them: all of them, even if one fails.
# DATABASE_URL and REDIS_URL must name servers: see scripts/with_servers.py.
set -u
cd "$(dirname "$0")/.." || exit
python=${PYTHON:-.venv/bin/python}
schema=$(mktemp) || exit
trap 'rm -f "$schema"' EXIT
failed=0

manage() {
    "$python" manage.py "$@" || { echo "FAILED: manage.py $*" >&2; failed=1; }
}

# As in production, so that check --deploy has what to complain about.
export DEBUG=0 HTTPS=1 ALLOWED_HOSTS=concertbook.example
export CSRF_TRUSTED_ORIGINS=https://concertbook.example
SECRET_KEY=$("$python" -c 'import secrets; print(secrets.token_urlsafe(64))')
export SECRET_KEY

manage check --deploy --fail-level WARNING
manage makemigrations --check --dry-run
manage spectacular --validate --fail-on-warn --file "$schema"
diff -u docs/openapi.yaml "$schema" || {
    echo "FAILED: docs/openapi.yaml is not the API's schema any more: run make openapi" >&2
    failed=1
}
exit "$failed"
