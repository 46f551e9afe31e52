"""The entry point that the web server loads: the front that a crowd meets, and Django behind it."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concertbook.settings")

django_application = get_wsgi_application()

from queueing.front import Front  # noqa: E402 - Django has to be set up first

application = Front(django_application)
