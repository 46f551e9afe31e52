"""The entry point that the web server loads: the front that a crowd meets, and Django behind it."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concertbook.settings")

django_application = get_wsgi_application()

# Django has to be set up first.
from concertbook.front import Front  # noqa: E402
from payments.front import ROUTES as SALE  # noqa: E402
from queueing.front import ROUTES as LINE  # noqa: E402

application = Front(django_application, [*LINE, *SALE])
