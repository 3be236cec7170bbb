# Read by the scripts beside it: where everything is, and as whom things are run.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd / # the users below may not look into the folder of whoever runs this

SITE=${TOPMATE_SITE:-/srv/topmate}                    # releases/ and the link current
CONFIG=${TOPMATE_CONFIG:-/etc/topmate/environment}    # every setting
DATA=${TOPMATE_DATA:-/var/lib/topmate}                # photos, static files, the broker's file
BACKUPS=${TOPMATE_BACKUPS:-/var/backups/topmate}
UNITS="topmate-web.service topmate-worker.service topmate-beat.service"
TIMERS="topmate-sweep.timer topmate-verify.timer topmate-backup.timer"
DATABASE="postgres://topmate@/topmate?host=/run/postgresql"
OWNER=${TOPMATE_OWNER_URL:-postgres://topmate_owner@/topmate?host=/run/postgresql}

say() { printf '\n== %s\n' "$*"; }

fail() {
  printf '\n%s\n' "$*" >&2
  exit 1
}

as_root_only() {
  [ "$(id -u)" = 0 ] || fail "Run this as root: sudo $0"
}

# manage.py with the site's settings. The first argument is the user, the second the release.
manage_as() {
  local user=$1 release=$2 how=--pipe
  shift 2
  [ -t 0 ] && [ -t 1 ] && how=--pty
  systemd-run --quiet --collect --wait "$how" --service-type=exec \
    --property=User="$user" --property=Group=topmate --property=EnvironmentFile="$CONFIG" \
    --property=WorkingDirectory="$release" --property=UMask=0077 \
    /usr/bin/env ${DATABASE_URL:+DATABASE_URL="$DATABASE_URL"} \
    ${REFUNDS_HOLD:+REFUNDS_HOLD="$REFUNDS_HOLD"} \
    .venv/bin/python manage.py "$@"
}

manage() { manage_as topmate "$SITE/current" "$@"; }

# The tables belong to topmate_owner, so that the site itself can change rows but no table.
migrate() { DATABASE_URL=$OWNER manage_as topmate_owner "$1" migrate --no-input; }

rights() {
  runuser -u postgres -- psql --quiet --set ON_ERROR_STOP=1 --dbname "${1:-topmate}" \
    < "$SITE/current/deploy/roles.sql"
}

# Copies the checkout that this script lies in to a release of its own, with everything it needs.
# Prints the release's folder.
make_release() {
  local source name release
  source=$(dirname "$HERE")
  name=$(date -u +%Y%m%d-%H%M%S)
  release=$SITE/releases/$name
  mkdir -p "$SITE/releases"
  mkdir "$release"
  tar --create --directory "$source" --exclude-vcs --exclude=./var --exclude='./.venv*' \
    --exclude=__pycache__ --exclude=./tests . | tar --extract --directory "$release" --no-same-owner
  python3 -m venv "$release/.venv"
  "$release/.venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --require-hashes --no-deps --requirement "$release/requirements.txt"
  "$release/.venv/bin/python" -m compileall -q "$release/bookings" "$release/topmate" || true
  chmod -R u=rwX,go=rX "$release"
  echo "$release"
}

switch_to() {
  ln -sfn "$1" "$SITE/current.new"
  mv -T "$SITE/current.new" "$SITE/current"
}

install_units() {
  local each
  mkdir -p /etc/systemd/system/topmate-.service.d
  for each in "$SITE"/current/deploy/systemd/*.service "$SITE"/current/deploy/systemd/*.socket \
    "$SITE"/current/deploy/systemd/*.timer; do
    install -m 644 "$each" /etc/systemd/system/
  done
  install -m 644 "$SITE/current/deploy/systemd/topmate-.service.d/all.conf" \
    /etc/systemd/system/topmate-.service.d/
  install -m 755 "$SITE/current/deploy/topmate" /usr/local/bin/topmate
  systemctl daemon-reload
}

# What one variable is set to in the settings.
setting() {
  sed -n "s/^$1=//p" "$CONFIG" | tail -n 1 | sed "s/^\(['\"]\)\(.*\)\1\$/\2/"
}

# Asks the site itself, not the proxy.
answer_of() {
  local host
  host=$(setting SITE_URL | sed 's|^[a-z]*://||; s|:[0-9]*$||')
  curl --silent --max-time 10 --header "Host: $host" --header 'X-Forwarded-Proto: https' \
    "http://127.0.0.1:8000$1"
}

wait_until_well() {
  local told=""
  for _ in $(seq "${1:-90}"); do
    told=$(answer_of /healthz/deep || true)
    case $told in *'"database": "ok"'*)
      case $told in *'"sweep": "ok"'*) return 0 ;; esac
      ;;
    esac
    sleep 1
  done
  fail "The site does not report that it is well. It says: ${told:-nothing}
journalctl --unit 'topmate-*' --since -10min shows why."
}
