"""The WSGI application that the web server loads: the fast path around Django."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concertbook.settings")

django_application = get_wsgi_application()

# Django has to be set up first.
from concertbook.http.fast_path import FastPath  # noqa: E402
from payments.fast_path import ROUTES as SALE  # noqa: E402
from queueing.fast_path import ROUTES as LINE  # noqa: E402

application = FastPath(django_application, [*LINE, *SALE])
