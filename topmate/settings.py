"""All settings. Every variable is described in docs/settings.md; none is needed to start."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import django
from django.contrib.admin.options import BaseModelAdmin
from django.forms.forms import BaseForm
from django.forms.formsets import BaseFormSet

from topmate import logs, private_files, services
from topmate.env import Env, is_loopback

for _class in (BaseForm, BaseFormSet, BaseModelAdmin):
    # `ModelForm[Expert]` can be written then. mypy wants the model's name there; Django's own
    # classes do not take it at run time yet, as its query sets and managers do.
    _class.__class_getitem__ = classmethod(lambda cls, names: cls)  # type: ignore[union-attr]

env = Env(os.environ)
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("DATA_DIR", str(BASE_DIR / "var"))).expanduser().resolve()

# --- The site ---------------------------------------------------------------------------------
_host = env.text("HOST", "127.0.0.1")
_port = env.number("PORT", 8000, low=1, high=65535)
_address = "127.0.0.1" if _host in ("0.0.0.0", "::", "localhost") else _host  # noqa: S104
_in_url = f"[{_address}]" if ":" in _address else _address
_site = env.url("SITE_URL", f"http://{_in_url}:{_port}", ("http", "https"))
if not _site.hostname or _site.path.strip("/") or _site.query or _site.username:
    env.problem("SITE_URL must be a scheme and a host only, like https://calls.example.org.")
_site = services.site_address(env, _site)
SITE_URL = f"{_site.scheme}://{_site.netloc}"
SITE_NAME = env.text("SITE_NAME", "Topmate")
IS_HTTPS = _site.scheme == "https"
IS_PUBLIC = IS_HTTPS or not is_loopback(_site.hostname or "")
DEBUG = env.flag("DEBUG")
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS", [])
if "*" in ALLOWED_HOSTS:
    env.problem("ALLOWED_HOSTS must name hosts; * would let anybody write the links in our mails.")
if not ALLOWED_HOSTS:
    _own = _site.hostname or ""
    _own = f"[{_own}]" if ":" in _own else _own
    ALLOWED_HOSTS = sorted({_own, _in_url, "localhost", "127.0.0.1", "[::1]"})
CSRF_TRUSTED_ORIGINS = [SITE_URL]
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", 0, low=0, high=10)
SECRET_KEY = private_files.secret_key(env, DATA_DIR, is_public=IS_PUBLIC, is_https=IS_HTTPS)
SECRET_KEY_FALLBACKS = private_files.fallbacks(env, is_public=IS_PUBLIC)
if IS_PUBLIC and DEBUG:
    env.problem("DEBUG shows secrets to visitors; leave it out on a site that others can reach.")

_partials = [] if django.VERSION >= (6, 0) else ["template_partials"]  # Django 6 has them itself

# --- Applications -----------------------------------------------------------------------------
INSTALLED_APPS = [
    "topmate.apps.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    *_partials,
    "axes",
    "anymail",
    "django_otp",
    "django_otp.plugins.otp_totp",  # before "bookings", which takes its keys out of the admin
    "bookings",
]
MIDDLEWARE = [
    "topmate.middleware.SecurityHeadersMiddleware",  # outermost: errors get the headers too
    "topmate.middleware.ReadableRequestMiddleware",
    "topmate.middleware.MailedLinkMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "bookings.signed_in.Middleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",  # must stay last
]
ROOT_URLCONF = "topmate.urls"
WSGI_APPLICATION = "topmate.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "topmate.context.site",
            ],
            "builtins": [
                *[f"{app}.templatetags.partials" for app in _partials],
                "bookings.templatetags.page",
                "django.templatetags.static",
            ],
        },
    }
]

# --- Services ---------------------------------------------------------------------------------
DATABASES = {"default": services.database(env, DATA_DIR)}
private_files.keep(DATA_DIR, services.sqlite_file(DATABASES["default"]))
DATABASE_PREPARES = env.flag("DATABASE_PREPARES", default=True)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
_redis = services.redis(env)
BROKER_URL = _redis.broker_url
BROKER_CONFIGURED = bool(_redis.cache_url)
CACHES = _redis.caches()
SWEEP_EVERY = env.duration("SWEEP_EVERY", "60s", high=timedelta(hours=1))
PING_URL = services.ping_url(env)
METRICS_TOKEN, METRICS_FROM = services.metrics_for(env)
if METRICS_TOKEN or METRICS_FROM:
    MIDDLEWARE.insert(0, "topmate.middleware.MeasureMiddleware")

_mail = services.mail(env, is_public=IS_PUBLIC)
globals().update(_mail.settings())  # MAILERS, or EMAIL_* before Django 6.1
DEMO_INBOX = _mail.demo_inbox
MAILS_WAIT = _mail.waits
MAIL_IN_FLIGHT = env.number("MAIL_IN_FLIGHT", 8, low=1, high=100)
ANYMAIL = _mail.anymail
DEFAULT_FROM_EMAIL = SERVER_EMAIL = services.sender(env, site_host=_site.hostname or "")
STAFF_EMAIL = services.staff(env)

# --- Payment providers: a provider without keys has no gateway ---------------------------------
STRIPE_SECRET_KEY = services.stripe_key(env)
STRIPE_API_BASE = services.api_base(
    env, "STRIPE", "https://api.stripe.com", STRIPE_SECRET_KEY, is_public=IS_PUBLIC
)
STRIPE_WEBHOOK_SECRET = env.items("STRIPE_WEBHOOK_SECRET", [])
RAZORPAY_KEY_ID, RAZORPAY_KEY_SECRET = services.razorpay_keys(env)
RAZORPAY_API_BASE = services.api_base(
    env, "RAZORPAY", "https://api.razorpay.com", RAZORPAY_KEY_ID, is_public=IS_PUBLIC
)
RAZORPAY_WEBHOOK_SECRET = env.items("RAZORPAY_WEBHOOK_SECRET", [])
SELLS_BY_SANDBOX = services.sells_by_sandbox(
    env, has_keys=bool(STRIPE_SECRET_KEY or RAZORPAY_KEY_ID), is_public=IS_PUBLIC
)
PROVIDER_TIMEOUT = env.duration("PROVIDER_TIMEOUT", "20s", high=timedelta(seconds=40))
PROVIDER_IN_FLIGHT = env.number("PROVIDER_IN_FLIGHT", 32, low=1, high=100)
REFUNDS_HOLD = env.flag("REFUNDS_HOLD")
BREAKER_LEAST = env.number("BREAKER_LEAST", 20, low=1, high=1_000_000)
BREAKER_TIMES = env.number("BREAKER_TIMES", 5, low=1, high=1000)

# --- The rules' clocks; the ones in force are copied onto each booking -------------------------
_duration = env.duration
POLICY: dict[str, Any] = {
    "no_show_window": _duration("POLICY_NO_SHOW_WINDOW", "72h"),
    "report_opens_after": _duration("POLICY_REPORT_OPENS_AFTER", "15m"),
    "report_window": _duration("POLICY_REPORT_WINDOW", "72h"),
    "offer_window": _duration("POLICY_OFFER_WINDOW", "14d"),
    "offer_after_call": _duration("POLICY_OFFER_AFTER_CALL", "30d"),
    "contest_window": _duration("POLICY_CONTEST_WINDOW", "72h"),
    "decide_window": _duration("POLICY_DECIDE_WINDOW", "7d"),
    "undo_window": _duration("POLICY_UNDO_WINDOW", "30s", high=timedelta(minutes=10)),
    "grace": _duration("POLICY_GRACE", "60s", high=timedelta(minutes=10)),
    "min_offer_slots": env.number("POLICY_MIN_OFFER_SLOTS", 2, low=1, high=50),
    "offer_slot_horizon": _duration("POLICY_OFFER_SLOT_HORIZON", "14d"),
    "expert_reminders": env.durations("POLICY_EXPERT_REMINDERS", "48h,24h,6h"),
    "link_reminder": _duration("POLICY_LINK_REMINDER", "2d"),
    "staff_reminder": _duration("POLICY_STAFF_REMINDER", "2d"),
}

# --- How many days data is kept, see docs/privacy.md --------------------------------------------
KEEP_MAILS = env.duration("KEEP_MAILS", "400d", low=timedelta(days=90))
KEEP_LINKS = env.duration("KEEP_LINKS", "90d", low=timedelta(days=1))
KEEP_INVITATIONS = env.duration("KEEP_INVITATIONS", "90d", low=timedelta(days=1))
KEEP_WEBHOOKS = env.duration("KEEP_WEBHOOKS", "90d", low=timedelta(days=14))
KEEP_PURCHASES = env.duration("KEEP_PURCHASES", "90d", low=timedelta(days=7))

# --- What experts sell with -------------------------------------------------------------------
ROOM_ADDRESS = services.room_address(env)
EMBED_FROM = services.embed_from(env)
HAS_DIRECTORY = env.flag("DIRECTORY", default=True)
RECEIPT_SELLER = env.text("RECEIPT_SELLER")
TAX = services.tax(env)

# --- Signing in -------------------------------------------------------------------------------
AUTH_USER_MODEL = "bookings.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "bookings.signed_in.Backend",
]
_validation = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": f"{_validation}.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name", "first_name", "last_name")},
    },
    {"NAME": f"{_validation}.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "bookings.common_passwords.CommonValidator"},
    {"NAME": "bookings.common_passwords.SiteNameValidator"},
    {"NAME": "bookings.printed_passwords.Validator"},
]
LOGIN_URL, LOGIN_REDIRECT_URL, LOGOUT_REDIRECT_URL = "sign_in", "need_action", "sign_in"
PASSWORD_RESET_TIMEOUT = 60 * 60 * 4
SECOND_FACTOR = env.choice("SECOND_FACTOR", "staff", ("staff", "everyone", "off"))
if SECOND_FACTOR == "off" and IS_PUBLIC:
    env.problem(
        "SECOND_FACTOR=off would let whoever guesses a password of staff move money; leave it out "
        "on a site that others can reach. Whoever has lost their codes gets in again after "
        "`manage.py remove_second_factor EMAIL`."
    )
OTP_TOTP_ISSUER = SITE_NAME
OTP_TOTP_SYNC = False  # a code of the step before or after is taken, and never one further away
INVITATION_WINDOW = env.duration("INVITATION_WINDOW", "14d")
# In the database: signing in and out must hold while the cache is down, and is rarely written.
SESSION_ENGINE = "bookings.signed_in"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 14  # after that time without a visit; see bookings/sign_ins.py
AXES_HANDLER = "bookings.rate_limits.Handler"
AXES_USERNAME_FORM_FIELD = "username"  # what Django's forms call it, also when it is an e-mail
AXES_CLIENT_IP_CALLABLE = "topmate.proxies.client_network"
AXES_LOCKOUT_CALLABLE = "bookings.views.accounts.too_many_sign_ins"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_ENABLE_ADMIN = False  # its rows are gone after a day, and a lock ends by itself

# --- HTTP -------------------------------------------------------------------------------------
SECURE_CSP: dict[str, list[str]] = {
    "default-src": ["'self'"],
    "object-src": ["'none'"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
}
SECURE_REFERRER_POLICY = "same-origin"  # no-referrer would break the CSRF check on link pages
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz(/deep)?$", r"^readyz$"]  # probes come without TLS
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
# Preloading is a promise in the name of the whole domain; that is for its owner to make.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SESSION_COOKIE_NAME = "__Host-session" if IS_HTTPS else "topmate_session"
CSRF_COOKIE_NAME = "__Host-csrf" if IS_HTTPS else "topmate_csrf"
DEVICE_COOKIE_NAME = "__Host-device" if IS_HTTPS else "topmate_device"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "bookings.views.errors.csrf_failure"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000  # an expert's services, in the admin
DATA_UPLOAD_MAX_NUMBER_FILES = 5

# --- Static files, language, time, logs -------------------------------------------------------
FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o600, 0o700
MEDIA_ROOT = DATA_DIR / "media"  # photos, which a view of ours serves
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [path for path in [BASE_DIR / "static"] if path.is_dir()]
STATICFILES_FINDERS = [
    "topmate.stylesheet.Finder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
]
_static = "whitenoise.storage.CompressedManifestStaticFilesStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage" if DEBUG else _static
    },
}
WHITENOISE_USE_FINDERS = DEBUG
USE_TZ, TIME_ZONE = True, "UTC"
USE_I18N, LANGUAGE_CODE = False, "en-gb"
LOGGING = logs.configuration(
    form=env.choice("LOG_FORMAT", "text", ("text", "json")),
    level=env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
)

if IS_PUBLIC and not IS_HTTPS and not env.has("EMAIL_URL"):
    _from = "" if env.has("SITE_URL") else ", from HOST"
    env.problem(
        f"All this because SITE_URL ({SITE_URL}{_from}) is not this machine. To try the demo from "
        "other machines of your network, leave SITE_URL out and set HOST=0.0.0.0 and ALLOWED_HOSTS "
        "to the addresses it is opened by; whoever reaches it may then do everything in it."
    )
VARIABLES_ASKED = sorted(env.asked)
env.finish()
