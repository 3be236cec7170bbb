"""`app.css` is put together from the parts in `static/css/`.

A page asks for one stylesheet, the same one on every page; whoever changes a button finds it in
`buttons.css`. The parts are joined when static files are collected, and whenever the stylesheet is
asked for where nothing is collected (in DEBUG and in tests). So nobody has a step to remember.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import FileSystemFinder
from django.core.files.storage import FileSystemStorage

NAME = "app.css"
FOLDER = "css"
PARTS = (
    "tokens",
    "base",
    "layout",
    "frame",
    "buttons",
    "forms",
    "marks",
    "cards",
    "notices",
    "dialogs",
    "rows",
    "booking",
    "picker",
    "progress",
    "accounts",
    "buying",
    "shop",
    "article",
    "landing",
    "inbox",
)
"""They are joined in this order. It decides only between rules of the same layer and weight, which
are best kept in one part."""


def parts() -> list[Path]:
    folder = Path(settings.BASE_DIR) / "static" / FOLDER
    return [folder / f"{part}.css" for part in PARTS]


def joined() -> str:
    """All parts, without comments and without blanks that mean nothing."""
    text = "".join(path.read_text(encoding="utf-8") for path in parts())
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"\s*([{};])\s*", r"\1", text).strip()


class Finder(FileSystemFinder):
    """Finds what is in `static/`, with the stylesheet instead of its parts.

    Django collects and serves nothing but files, so the stylesheet is written to a folder that is
    gone when the process ends.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.folder = tempfile.TemporaryDirectory(prefix="topmate-stylesheet-")
        self.locations.append(("", self.folder.name))
        storage = FileSystemStorage(location=self.folder.name)
        storage.prefix = ""  # type: ignore[attr-defined]
        self.storages[self.folder.name] = storage

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterable[Any]:
        self._write()
        return super().list([*(ignore_patterns or ()), FOLDER])

    def find(self, path: str, *args: Any, **kwargs: Any) -> Any:
        if path == NAME:
            self._write()
        return super().find(path, *args, **kwargs)

    def _write(self) -> None:
        """The file changes in one step, for whoever is reading it at this moment. It is as old as
        its newest part, so that a browser may keep it for as long as it would keep the parts."""
        folder = Path(self.folder.name)
        folder.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=folder, prefix=".", delete=False, encoding="utf-8"
        ) as file:
            file.write(joined())
        newest = max(path.stat().st_mtime for path in [*parts(), Path(__file__)])
        os.utime(file.name, (newest, newest))
        Path(file.name).replace(folder / NAME)
