"""From the environment to what Django, Celery and the gateways want to be told: database, Redis,
mail, the site's own addresses, payment providers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, quote, unquote

import django

from bookings import addresses
from bookings.plain_text import one_line
from topmate.env import Env, password_of, query_of, user_of

BASE_DIR = Path(__file__).resolve().parent.parent
ANYMAIL_PROVIDERS = (
    "brevo",
    "mailersend",
    "mailgun",
    "mailjet",
    "mailtrap",
    "mandrill",
    "postal",
    "postmark",
    "resend",
    "scaleway",
    "sendgrid",
    "sparkpost",
    "unisender_go",
)
NO_SERVER = "bookings.demo_inbox.NoMailServer"
SMTP = "django.core.mail.backends.smtp.EmailBackend"
SQLITE_OPTIONS = {
    # IMMEDIATE waits for its turn; Django's default fails at once on a read that turns to a write
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
        "PRAGMA foreign_keys=ON; PRAGMA journal_size_limit=27103364;"
    ),
}
POSTGRES_OPTIONS = (
    "-c lock_timeout=3000 -c statement_timeout=15000 -c idle_in_transaction_session_timeout=30000"
    # Compiling a statement takes longer than running any of a page, and so does planning a kept
    # one again because its values of today look cheaper than the usual ones.
    " -c jit=off -c plan_cache_mode=force_generic_plan"
)


def database(env: Env, data_dir: Path) -> dict[str, Any]:
    """Django's DATABASES["default"]."""
    parts = env.url(
        "DATABASE_URL",
        f"sqlite:///{quote(str(data_dir / 'topmate.sqlite3'))}",  # four slashes in all
        ("postgres", "postgresql", "sqlite"),
    )
    if parts.scheme == "sqlite":
        # Three slashes: relative to the project; four: an absolute path (as elsewhere).
        path = unquote(parts.path).removeprefix("/")
        if not path.strip("/") or parts.netloc:
            env.problem("DATABASE_URL names no SQLite file; write sqlite:////srv/topmate.sqlite3.")
        name = BASE_DIR / path
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": name,
            "CONN_MAX_AGE": 60,
            "OPTIONS": SQLITE_OPTIONS,
        }
    return _postgres(env, parts)


def database_name(default: Mapping[str, Any]) -> str:
    """Of an entry of DATABASES, for people."""
    if "sqlite" in default["ENGINE"]:
        return f"SQLite, {default['NAME']}"
    return f"PostgreSQL, {default['NAME']} on {default['HOST'] or 'the local socket'}"


def sqlite_file(database: dict[str, Any]) -> str:
    """Where it is; empty for a database on a server."""
    return str(database["NAME"]) if database["ENGINE"].endswith("sqlite3") else ""


def _postgres(env: Env, parts: SplitResult) -> dict[str, Any]:
    name = unquote(parts.path).strip("/")
    if not name:
        env.problem("DATABASE_URL names no database; write postgres://user:password@host/name.")
    options: dict[str, Any] = query_of(parts)
    # A socket folder cannot stand in the host's place of a URL, so ?host=/run/postgresql
    host = options.pop("host", parts.hostname or "")
    options["options"] = f"{POSTGRES_OPTIONS} {options.get('options', '')}".strip()
    options.setdefault("connect_timeout", "5")
    return {
        "ENGINE": "topmate.postgresql",
        "NAME": name,
        "USER": user_of(parts),
        "PASSWORD": password_of(parts),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }


@dataclass(frozen=True)
class Redis:
    """One server, two databases: the broker's, and the next one for the cache."""

    broker_url: str = "memory://"
    cache_url: str = ""

    def caches(self) -> dict[str, Any]:
        if not self.cache_url:
            memory = "django.core.cache.backends.locmem.LocMemCache"
            return {"default": {"BACKEND": memory, "LOCATION": "topmate"}}
        return {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": self.cache_url,
                "KEY_PREFIX": "topmate",
                # A page must not hang because the cache does.
                "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
            }
        }


def redis(env: Env) -> Redis:
    """Nothing set means: no broker, tasks are left to the sweep, the cache is in memory."""
    if not env.has("REDIS_URL"):
        return Redis()
    parts = env.url("REDIS_URL", "", ("redis", "rediss", "unix", "redis+socket"))
    if not parts.scheme:
        return Redis()
    if parts.scheme in ("unix", "redis+socket"):
        query = query_of(parts)
        number = _database_number(env, query.get("db") or query.get("virtual_host") or "0")
        return Redis(
            broker_url=f"redis+socket://{parts.path}?virtual_host={number}",
            cache_url=f"unix://{parts.path}?db={number + 1}",
        )
    number = _database_number(env, parts.path.strip("/") or "0")
    return Redis(
        broker_url=parts._replace(path=f"/{number}").geturl(),
        cache_url=parts._replace(path=f"/{number + 1}").geturl(),
    )


def _database_number(env: Env, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text[:6]) < 10_000):
        env.problem(f"REDIS_URL: {text!r} is not a database number.")
        return 0
    return int(text)


def ping_url(env: Env) -> str:
    """Where each sweep says that it began and ended, without a slash at the end."""
    if not env.has("PING_URL"):
        return ""
    parts = env.url("PING_URL", "", ("https", "http"))
    if parts.scheme and (not parts.hostname or parts.query or parts.fragment):
        env.problem("PING_URL must be an address like https://hc-ping.com/your-check.")
        return ""
    return parts.geturl().rstrip("/")


def metrics_for(env: Env) -> tuple[str, list[IPv4Network | IPv6Network]]:
    """Who may read /metrics: whoever has the token, and these networks. Without both nobody."""
    token = env.text("METRICS_TOKEN")
    if token and len(token) < 16:
        env.problem("METRICS_TOKEN must have at least 16 characters.")
    networks: list[IPv4Network | IPv6Network] = []
    for name in env.items("METRICS_FROM", []):
        try:
            networks.append(ip_network(name))
        except ValueError:
            env.problem(f"METRICS_FROM: {name!r} is not an address or a network.")
    return token, networks


@dataclass(frozen=True)
class Mail:
    backend: str = "bookings.demo_inbox.Backend"
    demo_inbox: bool = True
    host: str = "localhost"
    port: int = 25
    user: str = ""
    password: str = ""
    use_tls: bool = False
    use_ssl: bool = False
    timeout: float = 20
    anymail: dict[str, Any] = field(default_factory=dict)

    @property
    def waits(self) -> bool:
        """Whether no mail server is named, so that e-mails stay in the outbox."""
        return self.backend == NO_SERVER

    def settings(self) -> dict[str, Any]:
        """By the names this Django knows: 6.1 has MAILERS, and refuses the others beside it."""
        if django.VERSION < (6, 1):
            return {
                "EMAIL_BACKEND": self.backend,
                "EMAIL_HOST": self.host,
                "EMAIL_PORT": self.port,
                "EMAIL_HOST_USER": self.user,
                "EMAIL_HOST_PASSWORD": self.password,
                "EMAIL_USE_TLS": self.use_tls,
                "EMAIL_USE_SSL": self.use_ssl,
                "EMAIL_TIMEOUT": self.timeout,
            }
        mailer: dict[str, Any] = {"BACKEND": self.backend}
        if self.backend == SMTP:
            mailer["OPTIONS"] = {
                "host": self.host,
                "port": self.port,
                "username": self.user,
                "password": self.password,
                "use_tls": self.use_tls,
                "use_ssl": self.use_ssl,
                "timeout": self.timeout,
            }
        return {"MAILERS": {"default": mailer}}


def mail(env: Env, *, is_public: bool) -> Mail:
    """Nothing set means the demo inbox: kept, shown on a page, sent to nobody. It is a part of the
    demo: where that is left out, e-mails wait for a mail server."""
    has_demo = env.flag("DEMO", default=True)
    if not env.has("EMAIL_URL"):
        if is_public:
            env.problem(
                "EMAIL_URL must be set on a site that others can reach: without it e-mails are "
                "kept in the demo inbox, and whoever opens that has the links for new passwords. "
                "Write EMAIL_URL=smtp://user:password@host:587/?tls=1."
            )
        return Mail() if has_demo else Mail(NO_SERVER, demo_inbox=False)
    parts = env.url("EMAIL_URL", "", ("smtp", "smtps", "anymail", "console"))
    if not parts.scheme:
        return Mail()
    if parts.scheme == "anymail":
        return _anymail(env, parts)
    if parts.scheme == "console":
        if is_public:
            env.problem(
                "EMAIL_URL=console:// prints private links; a site that others can reach needs a "
                "mail server, as in EMAIL_URL=smtp://user:password@host:587/?tls=1."
            )
        return Mail("django.core.mail.backends.console.EmailBackend", demo_inbox=False)
    if not parts.hostname:
        env.problem("EMAIL_URL names no mail server; write smtp://user:password@host:587/?tls=1.")
    tls = query_of(parts).get("tls", "") in ("1", "true", "yes")
    usual_port = 465 if parts.scheme == "smtps" else 587 if tls else 25
    return Mail(
        backend=SMTP,
        demo_inbox=False,
        host=parts.hostname or "localhost",
        port=parts.port or usual_port,
        user=user_of(parts),
        password=password_of(parts),
        use_tls=tls and parts.scheme == "smtp",
        use_ssl=parts.scheme == "smtps",
    )


def _anymail(env: Env, parts: SplitResult) -> Mail:
    """`anymail://postmark?server_token=…`: each parameter is Anymail's setting of that name."""
    provider = (parts.hostname or "").replace("-", "_")
    if provider not in ANYMAIL_PROVIDERS:
        known = ", ".join(ANYMAIL_PROVIDERS)
        env.problem(f"EMAIL_URL: {provider!r} is not a known provider; one of {known}.")
        return Mail()
    options = {f"{provider}_{name}".upper(): value for name, value in query_of(parts).items()}
    return Mail(
        backend=f"anymail.backends.{provider}.EmailBackend",
        demo_inbox=False,
        anymail={"REQUESTS_TIMEOUT": (3, 20), **options},
    )


# --- Addresses of the site that mail can carry ----------------------------------------------------


def site_address(env: Env, parts: SplitResult) -> SplitResult:
    """SITE_URL with its host in the letters that browsers send and headers hold."""
    host = parts.hostname or ""
    try:
        wire = addresses.domain_on_the_wire(host)
    except addresses.NotAnAddress:
        env.problem(f"SITE_URL names the host {host}; write it in its usual letters.")
        return parts
    port = f":{parts.port}" if parts.port else ""
    return parts if wire == host else parts._replace(netloc=f"{wire}{port}")


def sender(env: Env, *, site_host: str) -> str:
    """Of all e-mails, as `Name <address>`; the domain in the letters of the wire."""
    given = env.text("DEFAULT_FROM_EMAIL", _default_sender(site_host))
    try:
        name, address = addresses.read_mailbox(given)
    except addresses.NotAnAddress:
        env.problem(
            f"DEFAULT_FROM_EMAIL={given!r} is not an e-mail address; "
            "write calls@example.org or Calls, Ltd <calls@example.org>."
        )
        return _default_sender("")
    return addresses.mailbox(one_line(name), addresses.on_the_wire(address))


def _default_sender(site_host: str) -> str:
    """A number, or a name without a dot, is a host to a browser and no domain to a mail server."""
    try:
        return addresses.read(f"bookings@{site_host}")
    except addresses.NotAnAddress:
        return "bookings@localhost"


def staff(env: Env) -> list[str]:
    """The addresses alone; a name beside one is of no use to us."""
    given = env.text("STAFF_EMAIL")
    try:
        return [address for _, address in addresses.read_mailboxes(given)]
    except addresses.NotAnAddress:
        env.problem(
            f"STAFF_EMAIL={given!r} is not a list of e-mail addresses; "
            "write ops@example.org, boss@example.org."
        )
        return []


# --- Payment providers: what the gateways want to be told; without keys the sandbox ---------------

LIVE = ("sk_live_", "rk_live_", "rzp_live_")


def sells_by_sandbox(env: Env, *, has_keys: bool, is_public: bool) -> bool:
    """Without keys the sandbox plays the provider: on this machine only, elsewhere calls would be
    given away. `PAYMENTS=none` is the word of an owner who sells nothing that costs money."""
    wish = env.choice("PAYMENTS", "", ("", "none"))
    if wish == "none" and has_keys:
        env.problem("PAYMENTS=none and the keys of a payment provider are set; leave one out.")
    if is_public and not has_keys and wish != "none":
        env.problem(
            "No payment provider has keys, and the sandbox moves no money: set STRIPE_SECRET_KEY, "
            "or RAZORPAY_KEY_ID and RAZORPAY_KEY_SECRET, or PAYMENTS=none to offer only free calls."
        )
    return not (has_keys or is_public or wish)


def api_base(env: Env, provider: str, default: str, key: str, *, is_public: bool) -> str:
    """Where the provider is, without a slash or /v1 at the end; a stand-in may be plain HTTP."""
    parts = env.url(f"{provider}_API_BASE", default, ("https", "http"))
    if not parts.hostname or parts.query or parts.username:
        env.problem(f"{provider}_API_BASE must be an address like {default}.")
    if parts.scheme == "http" and key.startswith(LIVE):
        env.problem(f"{provider}_API_BASE must be https: the key is a live one.")
    elif parts.scheme == "http" and is_public:
        env.problem(f"{provider}_API_BASE must be https on a site that others can reach.")
    return parts.geturl().rstrip("/").removesuffix("/v1")


def stripe_key(env: Env) -> str:
    key = env.text("STRIPE_SECRET_KEY")
    if key.startswith("pk_"):
        env.problem("STRIPE_SECRET_KEY is the publishable key; the secret one starts with sk_.")
    if not key.isascii():
        env.problem("STRIPE_SECRET_KEY is not a key: it has letters no key has.")
    return key


def razorpay_keys(env: Env) -> tuple[str, str]:
    key_id, secret = env.text("RAZORPAY_KEY_ID"), env.text("RAZORPAY_KEY_SECRET")
    if bool(key_id) != bool(secret):
        env.problem("RAZORPAY_KEY_ID and RAZORPAY_KEY_SECRET are set together or not at all.")
    if ":" in key_id:
        env.problem("RAZORPAY_KEY_ID has a colon in it; is it the key's id?")
    return key_id, secret


# --- What experts sell with -----------------------------------------------------------------------


def room_address(env: Env) -> str:
    """The pattern of the address of a video room; `{room}` becomes something nobody can guess."""
    default = "https://meet.jit.si/topmate-{room}"
    pattern = env.text("ROOM_ADDRESS", default)
    is_usable = pattern.startswith("https://") and pattern.count("{room}") == 1
    if not is_usable or len(pattern) > 200 or any(sign.isspace() for sign in pattern):
        env.problem(f"ROOM_ADDRESS must be a web address with {{room}} in it, such as {default}.")
        return default
    return pattern


_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")


def embed_from(env: Env) -> list[str]:
    """Where an expert's list of services may stand in a frame: origins such as https://maya.dev."""
    origins = env.items("EMBED_FROM", [])
    if not all(_ORIGIN.fullmatch(origin) for origin in origins):
        env.problem("EMBED_FROM must name origins, such as https://www.example.org.")
        return []
    return origins


def tax(env: Env) -> tuple[str, Decimal]:
    """Name and per cent of the tax that prices contain; an empty name means that none is said."""
    name, rate = env.text("TAX_NAME"), env.text("TAX_PERCENT")
    if not name and not rate:
        return "", Decimal(0)
    try:
        percent = Decimal(rate)
    except InvalidOperation:
        percent = Decimal(-1)
    if not name or not percent.is_finite() or not 0 <= percent < 100:
        env.problem("TAX_NAME and TAX_PERCENT are set together, such as VAT and 19.")
        return "", Decimal(0)
    return name, percent
