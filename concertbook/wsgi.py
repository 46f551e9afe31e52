"""The WSGI application that the web server loads: the fast path around the cache of public answers
around Django."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concertbook.settings")

django_application = get_wsgi_application()

# Django has to be set up first.
from concertbook.http.fast_path import FastPath  # noqa: E402
from concertbook.http.public_cache import PublicCache  # noqa: E402
from concerts.fast_path import ROUTES as SEATS  # noqa: E402
from payments.fast_path import ROUTES as SALE  # noqa: E402
from queueing.fast_path import ROUTES as LINE  # noqa: E402

# What is imported stays: without it each full collection of garbage reads all of it.
gc.collect()
gc.freeze()

application = FastPath(PublicCache(django_application), [*LINE, *SEATS, *SALE])
