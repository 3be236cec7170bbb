"""The site's secret key: given, or made once and kept in DATA_DIR."""

from __future__ import annotations

import contextlib
import os
import secrets
import zlib
from pathlib import Path

from topmate.env import Env

SHORTEST = 50
FEWEST_BYTES = 24
"""What is left of a random key when it is compressed; a word written ten times shrinks to less."""
PLACEHOLDERS = ("change", "secret", "insecure", "example", "password", "placeholder", "your-key")
MAKE_ONE = "make one with `python3 -c 'import secrets; print(secrets.token_urlsafe(64))'`"


def secret_key(env: Env, data_dir: Path, *, is_public: bool, is_https: bool) -> str:
    """A site in production must be given its key: with two machines a made one differs on each."""
    given = env.text("SECRET_KEY")
    if given:
        if is_public and is_poor(given):
            env.problem(
                f"SECRET_KEY must be at least {SHORTEST} random characters on a site that others "
                f"can reach; {MAKE_ONE}."
            )
        return given
    if is_https:
        env.problem(f"SECRET_KEY must be set when SITE_URL is https; {MAKE_ONE}.")
        return "refused"
    try:
        return _kept(data_dir)
    except OSError as error:
        env.problem(f"DATA_DIR {data_dir} cannot be written ({error.strerror}).")
        return "refused"


def fallbacks(env: Env, *, is_public: bool) -> list[str]:
    """What is signed with an earlier key is believed as well, so it must be as good."""
    given = env.items("SECRET_KEY_FALLBACKS", [])
    if is_public and any(map(is_poor, given)):
        env.problem(
            f"SECRET_KEY_FALLBACKS has a key that is not {SHORTEST} random characters; leave it "
            "out. Links and sessions that it has signed are over then."
        )
    return given


def is_poor(key: str) -> bool:
    """Whether somebody could guess it: short, a word that stands for a key, or a repetition."""
    has_placeholder = any(word in key.lower() for word in PLACEHOLDERS)
    packed = len(zlib.compress(key.encode(), 9)) - len(zlib.compress(b"", 9))
    return len(key) < SHORTEST or has_placeholder or packed < FEWEST_BYTES


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
