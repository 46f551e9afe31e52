"""The settings; values that differ between machines come from the environment (.env.example)."""

from email.utils import parseaddr
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent
INSECURE_SECRET_KEY = "insecure-development-key-never-used-when-debug-is-off"

env = environ.Env()
env.read_env(BASE_DIR / ".env")

# --- The machine -------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY", INSECURE_SECRET_KEY)
if not DEBUG and SECRET_KEY in ("", INSECURE_SECRET_KEY):
    raise ImproperlyConfigured("Set SECRET_KEY to a long random string (or DEBUG=1 to develop).")

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
REDIS_URL = env.str("REDIS_URL", "redis://127.0.0.1:6379/0")
# TLS ends at the reverse proxy; a demo on plain http://localhost turns this off.
HTTPS = env.bool("HTTPS", not DEBUG)
# The number of our proxies that append to X-Forwarded-For; with 0 the header is ignored.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 0)

# --- The application ---------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "anymail",
    "csp",
    "import_export",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "accounts",
    "queueing",
    "concerts",
    "payments",
    "operations",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "concertbook.http.static_files.StaticFilesMiddleware",
    "concertbook.http.middleware.NoStoreMiddleware",
    # Before all middlewares that read cookies, the language's too.
    "concertbook.http.public_requests.PublicRequestMiddleware",
    "concertbook.http.visitor_cookie.VisitorCookieMiddleware",
    "concertbook.http.purchase_hint.PurchaseHintMiddleware",
    # Before all middlewares that may refuse, so that a refusal is in the request's language.
    "django.middleware.locale.LocaleMiddleware",
    "concertbook.http.middleware.PolicyMiddleware",
    "concertbook.http.middleware.ApiMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "concertbook.http.middleware.RateLimitMiddleware",
    "accounts.middleware.FormLimitMiddleware",
    "accounts.middleware.LastUsedMiddleware",
    "accounts.second_factor.SecondFactorMiddleware",
    "concertbook.http.middleware.RefusalMiddleware",
]

ROOT_URLCONF = "concertbook.urls"
WSGI_APPLICATION = "concertbook.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "concertbook.http.flat_templates.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "libraries": {
                "money": "concertbook.templatetags.money",
                "times": "concertbook.templatetags.times",
                "addresses": "concertbook.templatetags.addresses",
                "layout": "concertbook.templatetags.layout",
                "texts": "concertbook.templatetags.texts",
            },
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "concertbook.http.languages.context_processor",
                "payments.purchase_bar.context_processor",
            ],
        },
    },
]

# --- Stores ------------------------------------------------------------------------------------

DATABASE = env.db("DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/concertbook")
DATABASES = {
    "default": {
        **DATABASE,
        "CONN_MAX_AGE": env.int("CONN_MAX_AGE", 60),
        "OPTIONS": {
            "connect_timeout": 3,
            # Prepared statements are planned once per connection: a third more holds and payments a
            # second.
            "server_side_binding": True,
            "prepare_threshold": 2,
            "application_name": "concertbook",
            # Give up on a database that does not answer; the last value is in milliseconds.
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
            # No statement waits for a lock longer than a client would; an idle transaction ends.
            # A plan outlives the size of its tables: made while they were small, a sequential scan
            # would read whole tables during the sale, until the next ANALYZE. The
            # partial indexes do not help: without this setting four of the six tests of
            # tests/concertbook/test_plans.py fail, as seats, tokens and reservations are read from
            # end to end. A plan for each call (plan_cache_mode=force_custom_plan) costs a third
            # of the holds a second.
            "options": "-c lock_timeout=5s -c statement_timeout=15s"
            " -c idle_in_transaction_session_timeout=30s -c enable_seqscan=off",
            # The URL's parameters: sslmode, or the choice of the host that accepts writes.
            **DATABASE.get("OPTIONS", {}),
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {
            "SOCKET_CONNECT_TIMEOUT": 0.5,
            "SOCKET_TIMEOUT": 0.5,
            # By default redis-py retries ten times: 4 s a call while Redis is away.
            "CONNECTION_POOL_KWARGS": {"retry": None},
            # The cache is never the truth: without Redis the site is slower, but works.
            "IGNORE_EXCEPTIONS": True,
        },
    }
}
SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_AGE = 14 * 24 * 3600

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_TASK_TIME_LIMIT = 60
# A mail server that hangs must not delay the ticks that let buyers in: workers of "mail" send, and
# the others do all else. A worker that names no queue does both.
CELERY_TASK_QUEUES = {name: {"exchange": name, "routing_key": name} for name in ("celery", "mail")}
CELERY_TASK_ROUTES = {"accounts.tasks.send_due_messages": {"queue": "mail"}}
CELERY_BEAT_SCHEDULE = {
    # A tick that could not run in time is dropped, not queued.
    "admit the waiting": {
        "task": "queueing.tasks.admit_waiting",
        "schedule": 1.0,
        "options": {"headers": {"good_for": 1.0}},
    },
    "build missing lines": {
        "task": "queueing.tasks.build_missing_lines",
        "schedule": 1.0,
        "options": {"headers": {"good_for": 1.0}},
    },
    "tell rooms how many seats are left": {
        "task": "concerts.tasks.tell_rooms_seats_left",
        "schedule": 2.0,
        "options": {"headers": {"good_for": 2.0}},
    },
    "remind of openings": {
        "task": "concerts.tasks.queue_due_reminders",
        "schedule": 5.0,
        "options": {"headers": {"good_for": 5.0}},
    },
    "write back requests": {
        "task": "queueing.tasks.write_back_requests",
        "schedule": 30.0,
        "options": {"headers": {"good_for": 30.0}},
    },
    "release expired holds": {
        "task": "payments.tasks.release_expired_holds",
        "schedule": 2.0,
        "options": {"headers": {"good_for": 2.0}},
    },
    "refund cancelled schedules": {
        "task": "payments.tasks.refund_cancelled_schedules",
        "schedule": 2.0,
        "options": {"headers": {"good_for": 2.0}},
    },
    "end offers of tickets": {
        "task": "payments.tasks.end_offers",
        "schedule": 60.0,
        "options": {"headers": {"good_for": 60.0}},
    },
    "tell of moves": {
        "task": "payments.tasks.tell_of_moves",
        "schedule": 5.0,
        "options": {"headers": {"good_for": 5.0}},
    },
    "settle pending charges": {
        "task": "accounts.tasks.settle_pending_charges",
        "schedule": 30.0,
        "options": {"headers": {"good_for": 30.0}},
    },
    "forget ended sessions": {
        "task": "accounts.tasks.forget_ended_sessions",
        "schedule": 2.0,
        "options": {"headers": {"good_for": 2.0}},
    },
    "send messages": {
        "task": "accounts.tasks.send_due_messages",
        "schedule": 1.0,
        "options": {"headers": {"good_for": 1.0}},
    },
    "delete old messages": {
        "task": "accounts.tasks.delete_old_messages",
        "schedule": 600.0,
        "options": {"headers": {"good_for": 600.0}},
    },
    "write exports": {
        "task": "operations.tasks.write_exports",
        "schedule": 2.0,
        "options": {"headers": {"good_for": 2.0}},
    },
    "delete old exports": {
        "task": "operations.tasks.delete_old_exports",
        "schedule": 600.0,
        "options": {"headers": {"good_for": 600.0}},
    },
    "queue reports by mail": {
        "task": "operations.tasks.queue_due_reports",
        "schedule": 60.0,
        "options": {"headers": {"good_for": 60.0}},
    },
    "write copies of data": {
        "task": "accounts.tasks.write_data_copies",
        "schedule": 3.0,
        "options": {"headers": {"good_for": 3.0}},
    },
    "erase accounts": {
        "task": "accounts.tasks.erase_due_accounts",
        "schedule": 60.0,
        "options": {"headers": {"good_for": 60.0}},
    },
    "tell owed money": {
        "task": "accounts.tasks.tell_owed_money",
        "schedule": 600.0,
        "options": {"headers": {"good_for": 600.0}},
    },
    "forget personal data": {
        "task": "accounts.tasks.forget_personal_data",
        "schedule": 600.0,
        "options": {"headers": {"good_for": 600.0}},
    },
    "forget old answers": {
        "task": "accounts.tasks.forget_old_answers",
        "schedule": 600.0,
        "options": {"headers": {"good_for": 600.0}},
    },
}

# --- Accounts ----------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.auth_backend.EmailBackend"]
PASSWORD_HASHERS = ["accounts.hashers.SerialArgon2"]
PASSWORD_MIN_LENGTH = 8
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": PASSWORD_MIN_LENGTH},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = reverse_lazy("account_login")
LOGIN_REDIRECT_URL = reverse_lazy("concert_list")
ACCOUNT_LOGOUT_REDIRECT_URL = reverse_lazy("concert_list")

ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
# allauth's limiter takes a lock in the cache and refuses requests that wait for it longer than a
# second, so a rush was refused below every limit. Our limits: accounts.rate_limits.
ACCOUNT_RATE_LIMITS = False
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES

HEADLESS_ONLY = False
HEADLESS_CLIENTS = ("app",)
HEADLESS_TOKEN_STRATEGY = "accounts.app_tokens.TokenStrategy"
HEADLESS_JWT_ALGORITHM = "HS256"
# Without it an access token would outlive its log-out.
HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED = True
HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 3600
HEADLESS_JWT_REFRESH_TOKEN_EXPIRES_IN = SESSION_COOKIE_AGE
# For so long a used refresh token gets the same new pair again; later it ends the session.
REFRESH_GRACE_SECONDS = env.int("REFRESH_GRACE_SECONDS", 30)

# Whether the staff give a code of an app before the admin and the door open (docs/operations.md).
STAFF_SECOND_FACTOR = env.bool("STAFF_SECOND_FACTOR", HTTPS)
# The staff are asked again before money moves when the last time is longer ago; 0: never.
CONFIRM_SECONDS = env.int("CONFIRM_SECONDS", 600)

# The validity of a link in a mail.
EMAIL_LINK_SECONDS = 24 * 3600
EMAIL_TIMEOUT = 10
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
# For a mail provider's API: anymail.backends.postmark.EmailBackend, for example, and its keys.
EMAIL_BACKEND = env.str("EMAIL_BACKEND", "") or EMAIL_CONFIG["EMAIL_BACKEND"]
ANYMAIL = env.dict("ANYMAIL", default={})
EMAIL_FILE_PATH = EMAIL_CONFIG["EMAIL_FILE_PATH"]
DEMO_INBOX = EMAIL_BACKEND == "accounts.demo_inbox.EmailBackend"
if DEMO_INBOX and HTTPS:
    raise ImproperlyConfigured("The demo's inbox shows every mail to every visitor.")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "concertbook <no-reply@localhost>")

# What each app keeps about a user: for a copy of it, and for the end of an account.
PERSONAL_DATA_MODULES = [
    "accounts.services.personal_data",
    "queueing.services.personal_data",
    "concerts.services.personal_data",
    "payments.services.personal_data",
    "operations.services.personal_data",
]
# For so long a log-in undoes the deletion of an account.
DELETION_GRACE_DAYS = env.int("DELETION_GRACE_DAYS", 7)
# For so long a copy of one's data can be downloaded.
DATA_COPY_DAYS = 3

# --- Messages ----------------------------------------------------------------------------------

# Scheme and host of the links in mails. Behind a proxy that ends TLS there is no port to name.
SITE_URL = env.str("SITE_URL", "") or f"{'https' if HTTPS else 'http'}://" + next(
    (host for host in ALLOWED_HOSTS if host[0] not in ".*"), "localhost"
)
# Where the buyers of a rehearsal that the console starts come to; a worker must reach it.
REHEARSAL_URL = env.str("REHEARSAL_URL", "") or SITE_URL
# The kinds of messages (accounts/letter.py); each app has its own.
MESSAGE_MODULES = [
    "accounts.letters",
    "accounts.account_letters",
    "concerts.letters",
    "payments.letters",
    "payments.offer_letters",
    "operations.letters",
]
# The acts in the log of staff and system (accounts/acts.py); each app has its own.
ACT_MODULES = [
    "accounts.acts",
    "queueing.acts",
    "concerts.acts",
    "payments.acts",
    "operations.acts",
]
# The model of that log: the admin's forms name who changed a row meanwhile.
LOG_MODEL = "accounts.Activity"
# Who of the staff works for which concerts: accounts know no concerts.
STAFF_LIMITS = "concerts.services.staff_concerts"
# Push messages to browsers; off without a key (docs/operations.md).
VAPID_PRIVATE_KEY = env.str("VAPID_PRIVATE_KEY", "")
# Whom the push services ask if something is wrong with our messages.
VAPID_SUBJECT = env.str("VAPID_SUBJECT", f"mailto:{parseaddr(DEFAULT_FROM_EMAIL)[1]}")
# The hosts, with their subdomains, at which browsers may subscribe.
PUSH_SERVICES = [
    "fcm.googleapis.com",
    "push.services.mozilla.com",
    "push.apple.com",
    "notify.windows.com",
]
# For how long the admin lists what was sent.
MESSAGE_DAYS = env.int("MESSAGE_DAYS", 30)

# --- The wallets of phones ---------------------------------------------------------------------

# Paths of PEM files; without all three there is no Apple Wallet.
APPLE_WALLET_CERTIFICATE = env.str("APPLE_WALLET_CERTIFICATE", "")
APPLE_WALLET_KEY = env.str("APPLE_WALLET_KEY", "")
APPLE_WALLET_KEY_PASSWORD = env.str("APPLE_WALLET_KEY_PASSWORD", "")
APPLE_WALLET_ISSUER = env.str("APPLE_WALLET_ISSUER", "")
# The number of the issuer and the path of the service account's JSON key; without both there is no
# Google Wallet.
GOOGLE_WALLET_ISSUER = env.str("GOOGLE_WALLET_ISSUER", "")
GOOGLE_WALLET_KEY = env.str("GOOGLE_WALLET_KEY", "")

# --- The API -----------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "allauth.headless.contrib.rest_framework.authentication.JWTTokenAuthentication",
        "concertbook.http.problems.BrowserSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["concertbook.http.requests_per_user.RequestsPerUser"],
    "DEFAULT_PARSER_CLASSES": ["concertbook.http.problems.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "concertbook.http.negotiation.ContentNegotiation",
    "DEFAULT_METADATA_CLASS": "concertbook.http.negotiation.JSONMetadata",
    "EXCEPTION_HANDLER": "concertbook.http.problems.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "concertbook",
    "DESCRIPTION": "A concert box office. Amounts are integer won, times ISO 8601 UTC."
    " All codes of refusals: [/api/v1/problems/](/api/v1/problems/).",
    # A text that may not be blank has at least one character.
    "ENFORCE_NON_BLANK_FIELDS": True,
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "PATH_CONVERTER_OVERRIDES": {
        "any_case_uuid": {"type": "string", "format": "uuid"},
        "slug": {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"},
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "concertbook.http.openapi.complete_answers",
        "concertbook.http.openapi.add_problems",
    ],
    # Names of enums in the OpenAPI document: three models share the pair of values, a room's state
    # has two names, and a ticket's status occurs with its refund and without.
    "ENUM_NAME_OVERRIDES": {
        "OutcomeEnum": "payments.models.Payment.Status",
        "RoomStateEnum": "queueing.models.WaitingRoom.State",
        "TicketStatusEnum": "payments.models.Ticket.Status",
    },
}

# --- Business figures --------------------------------------------------------------------------

HOLD_SECONDS = 300
# Days off that the holidays library does not know yet, as 2027-05-06 (concerts/business_days.py).
EXTRA_HOLIDAYS = env.list("EXTRA_HOLIDAYS", default=[])
# For how long after a check-in the staff may undo it.
CHECK_IN_UNDO_MINUTES = env.int("CHECK_IN_UNDO_MINUTES", 10)
# The extension of a hold when its payment begins.
PAYMENT_SECONDS = 120
# How often one ticket may be handed on: to a friend, back, and on again.
HAND_ONS_PER_TICKET = env.int("HAND_ONS_PER_TICKET", 3)
# Tickets that one user may offer within an hour: each sends a mail to an address that they name.
OFFERS_PER_HOUR = 20
# Holds that one user may release or let expire within an hour.
GIVEN_UP_PER_HOUR = 30
# Within ten seconds. Thousands of Korean phones share a carrier's address, so the limits per
# address are wide.
JOINS_PER_USER = 200
POLLS_PER_USER = 200
JOINS_PER_ADDRESS = env.int("JOINS_PER_ADDRESS", 20_000)
POLLS_PER_ADDRESS = env.int("POLLS_PER_ADDRESS", 30_000)
# Within a minute, from one address.
SIGN_UPS_PER_ADDRESS = env.int("SIGN_UPS_PER_ADDRESS", 3_000)
LOG_INS_PER_ADDRESS = env.int("LOG_INS_PER_ADDRESS", 6_000)
REQUESTS_PER_USER = env.int("REQUESTS_PER_USER", 300)
CHARGE_MAX_WON = 10_000_000
PAYMENT_GATEWAY = "accounts.gateway.SandboxGateway"
# A waiting room knows no seats: what it calls when a buyer leaves it.
RELEASE_ON_LEAVING = "payments.services.releases.release_holds_in_room"

# --- Languages and static files ----------------------------------------------------------------

LANGUAGE_CODE = "ko"
LANGUAGES = [("ko", _("Korean")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "concertbook.formats"
TIME_ZONE = "Asia/Seoul"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "concertbook.http.static_files.HashedStaticFiles"},
}
WHITENOISE_USE_FINDERS = DEBUG
# Compressing both copies of each file would take twice as long.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

# --- Security ----------------------------------------------------------------------------------

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = False  # the proxy redirects; health checks speak plain http
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
# It applies to all subdomains, and browsers keep it for a year: the operator decides.
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("HSTS_INCLUDE_SUBDOMAINS", False)
SECURE_HSTS_PRELOAD = env.bool("HSTS_PRELOAD", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # SECURE_HSTS_INCLUDE_SUBDOMAINS is the operator's to decide, see above
    "security.W008",  # SECURE_SSL_REDIRECT, see above
    "security.W021",  # SECURE_HSTS_PRELOAD, as W005
    "auth.W004",  # the e-mail address is unique, whatever its case: accounts_user_email_unique
]
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "concertbook.http.error_pages.csrf_failure"
DATA_UPLOAD_MAX_MEMORY_SIZE = API_MAX_BODY_BYTES = 64 * 1024

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{levelname} {name} {message}", "style": "{"}},
    "filters": {"refused by Django": {"()": "concertbook.http.log_filters.OneLineForRefusals"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            # On the handler: a filter of a logger does not see the records of its children.
            "filters": ["refused by Django"],
        }
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "INFO")},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        # A refusal is a normal answer: logged as warnings, they would fill the log during a rush.
        "django.request": {"level": "ERROR"},
    },
}

UNFOLD = {
    "SITE_TITLE": "concertbook",
    "SITE_HEADER": "concertbook",
    "SITE_SYMBOL": "confirmation_number",
    "SHOW_LANGUAGES": True,
    "SITE_FAVICONS": [{"rel": "icon", "href": lambda request: static("icon.svg")}],
    "STYLES": [lambda request: static("console/lists.css")],
    "SIDEBAR": {"navigation": "operations.navigation.sidebar"},
}
