"""The site's secret key: given, or made once and kept in DATA_DIR."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from topmate.env import Env

SHORTEST = 50


def secret_key(env: Env, data_dir: Path, *, is_public: bool) -> str:
    """A public site must be given its key: with two machines a made one differs on each."""
    given = env.text("SECRET_KEY")
    if given:
        if is_public and (len(given) < SHORTEST or len(set(given)) < 5):
            env.problem(
                f"SECRET_KEY needs at least {SHORTEST} random characters when SITE_URL is https."
            )
        return given
    if is_public:
        env.problem(
            "SECRET_KEY must be set when SITE_URL is https; make one with "
            "`python3 -c 'import secrets; print(secrets.token_urlsafe(64))'`."
        )
        return "refused"
    try:
        return _kept(data_dir)
    except OSError as error:
        env.problem(f"DATA_DIR {data_dir} cannot be written ({error.strerror}).")
        return "refused"


def _kept(data_dir: Path) -> str:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = data_dir / "secret_key"
    if not path.exists():
        # Web, worker and beat may start together: a hard link is made by exactly one of them.
        draft = data_dir / f"secret_key.{os.getpid()}"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(64))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text().strip()
