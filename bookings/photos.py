"""Photos of experts. The file somebody sends is never kept: its picture is drawn into new files.

Pillow reads only JPEG, PNG and WebP, and only the first picture of a file. The dimensions are
checked before it is decoded, because a file of a few kilobytes can unfold to gigabytes. The new
files have no metadata, such as the place where the photo was taken.
"""

from __future__ import annotations

import io
import logging
import re
import secrets
import warnings
from contextlib import suppress
from typing import IO

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image, ImageOps

logger = logging.getLogger(__name__)
MOST_MEGABYTES = 5
MOST_BYTES = MOST_MEGABYTES * 1024 * 1024
MOST_PIXELS = {"JPEG": 25_000_000, "PNG": 12_000_000, "WEBP": 12_000_000}
"""Photos of telephones are smaller. A JPEG can be read at a fraction of its size; the others are
read whole, and larger ones would take more memory than a web process should."""
READ = tuple(MOST_PIXELS)
LEAST_SIDE = 160
SIZES = {"large": 640, "small": 192}
"""Sides of the two squares that are kept, in pixels. The large one is for link previews."""
FOLDER = "photos"
_NAME = re.compile(r"[A-Za-z0-9_-]{22}")


class NotAPhoto(Exception):
    """The file cannot be used. `sentence` tells whoever sent it why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


NOT_READ = NotAPhoto("This file cannot be read as a photo. Send a JPEG, PNG or WebP file.")
TOO_LARGE = NotAPhoto(f"This file is larger than {MOST_MEGABYTES} MB. Send a smaller one.")
TOO_MANY_PIXELS = NotAPhoto(
    f"This photo has too many pixels. A JPEG may have up to {MOST_PIXELS['JPEG'] // 1_000_000} "
    f"million, and other files up to {MOST_PIXELS['PNG'] // 1_000_000} million."
)
NOT_STORED = NotAPhoto("The photo could not be stored. Send it again later.")
TOO_SMALL = NotAPhoto(
    f"This photo is too small. Send one of at least {LEAST_SIDE} by {LEAST_SIDE} pixels."
)


def keep(sent: IO[bytes]) -> str:
    """Keep both squares and return the name they share. Raises NotAPhoto."""
    squares = drawn(sent)
    name = secrets.token_urlsafe(16)
    try:
        for size, data in squares.items():
            default_storage.save(_path(name, size), ContentFile(data))
    except Exception as error:  # the disk is full, or the storage is away
        logger.exception("a photo cannot be stored")
        forget(name)
        raise NOT_STORED from error
    return name


def drawn(sent: IO[bytes]) -> dict[str, bytes]:
    """The picture as two JPEG files, by the names in SIZES. Raises NotAPhoto."""
    data = sent.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise TOO_LARGE
    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures, and `_check_size` refuses them.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=READ) as picture:
                _check_size(picture)
                square = _square(picture)
    except NotAPhoto:
        raise
    except Exception as error:  # Pillow's readers raise errors of many kinds on a broken file
        raise NOT_READ from error
    return {size: _jpeg(square, side) for size, side in SIZES.items()}


def _check_size(picture: Image.Image) -> None:
    width, height = picture.size
    if width * height > MOST_PIXELS.get(picture.format or "", 0):
        raise TOO_MANY_PIXELS
    if min(width, height) < LEAST_SIDE:
        raise TOO_SMALL


def _square(picture: Image.Image) -> Image.Image:
    """The middle of the picture, upright, with white where it is transparent, no larger than the
    large size."""
    side = SIZES["large"]
    picture.draft("RGB", (2 * side, 2 * side))  # a JPEG is read at a fraction of its size
    picture.load()
    turned = picture.getexif().get(ORIENTATION, 1)
    if picture.mode not in ("RGB", "RGBA", "L"):
        # It is made smaller first, as converting takes four times the memory.
        picture = picture.resize(_within(picture.size, 2 * side), Image.Resampling.NEAREST)
        picture = picture.convert("RGBA")
    picture = ImageOps.fit(picture, (min(side, *picture.size),) * 2)
    picture = _turned(picture.convert("RGBA"), turned)
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def _within(size: tuple[int, int], longest: int) -> tuple[int, int]:
    scale = min(1, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


ORIENTATION = 0x0112
"""The number under which a photo says how the camera was held."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _turned(picture: Image.Image, orientation: object) -> Image.Image:
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return picture if turn is None else picture.transpose(turn)


def _jpeg(square: Image.Image, side: int) -> bytes:
    file = io.BytesIO()
    scaled = square if square.width <= side else square.resize((side, side))
    scaled.save(file, "JPEG", quality=85, optimize=True)
    return file.getvalue()


def _path(name: str, size: str) -> str:
    return f"{FOLDER}/{name}-{size}.jpg"


def read(name: str, size: str) -> bytes | None:
    """The file of one size; None when there is none."""
    if size not in SIZES or not _NAME.fullmatch(name):
        return None
    try:
        with default_storage.open(_path(name, size)) as file:
            return bytes(file.read())
    except OSError:
        return None


def forget(name: str) -> None:
    """Delete both squares. A file that cannot be deleted is left behind; nothing refers to it."""
    for size in SIZES if _NAME.fullmatch(name) else ():
        with suppress(OSError):
            default_storage.delete(_path(name, size))
