"""Pictures to send: good ones, and ones that somebody might attack with."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

from PIL import Image


def _saved(form: str, size: tuple[int, int], mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    picture = Image.radial_gradient("L").resize(size).convert(mode)
    picture.save(file, form, **options)
    return file.getvalue()


def jpeg(size: tuple[int, int] = (800, 600), **options: Any) -> bytes:
    return _saved("JPEG", size, **options)


def png(size: tuple[int, int] = (800, 600), mode: str = "RGBA") -> bytes:
    return _saved("PNG", size, mode)


def with_place() -> bytes:
    """A photo that says where it was taken, and that the camera was held upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Secret Camera"
    gps = exif.get_ifd(0x8825)
    gps.update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    file = io.BytesIO()
    picture = Image.new("RGB", (800, 600), "white")
    picture.paste("red", (0, 0, 800, 300))  # the upper half, which is on the right when turned
    picture.save(file, "JPEG", exif=exif.tobytes(), comment=b"Secret comment")
    return file.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png_of(width: int, height: int, data: bytes, *, more: bytes = b"", bits: int = 8) -> bytes:
    """Written by hand: it may say anything about itself. Its pixels are shades of grey."""
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + more
        + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    )  # fmt: skip


def _zeros(count: int) -> bytes:
    """Packed: a thousandth of it."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(2**20)) for _ in range(count // 2**20 + 1)]
    return b"".join([*parts, packer.flush()])


def _jpeg_saying(width: int, height: int) -> bytes:
    """A small photo whose header claims another size."""
    data = bytearray(jpeg((200, 200)))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300">'
    b"<script>alert(1)</script></svg>"
)
PAGE = b"<html><script>alert(document.cookie)</script></html>"

REFUSED: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "text": lambda: b"hello " * 100,
    "svg": lambda: SVG,
    "svg named as a jpeg's beginning": lambda: b"\xff\xd8\xff\xe0" + SVG,
    "page": lambda: PAGE,
    "pdf": lambda: b"%PDF-1.7\n" + bytes(1000),
    "zip": lambda: b"PK\x03\x04" + bytes(1000),
    "postscript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 300 300\n" + bytes(100),
    "gif": lambda: _saved("GIF", (300, 300)),
    "bmp": lambda: _saved("BMP", (300, 300)),
    "tiff": lambda: _saved("TIFF", (300, 300)),
    "ico": lambda: _saved("ICO", (256, 256)),
    "half a jpeg": lambda: jpeg()[:2000],
    "half a png": lambda: png()[:500],
    "jpeg of nothing": lambda: b"\xff\xd8\xff\xd9",
    "png bomb of 2 gigapixels": lambda: png_of(65535, 32767, _zeros(2**20)),
    "png bomb of 30 megapixels": lambda: png_of(6000, 5000, _zeros(30_005_000)),
    "png of the largest size": lambda: png_of(2**31 - 1, 2**31 - 1, b""),
    "png without width": lambda: png_of(0, 300, b""),
    "png with a text that unfolds": lambda: png_of(
        300, 300, zlib.compress(bytes(301 * 300)),
        more=_chunk(b"zTXt", b"Comment\x00\x00" + _zeros(80 * 2**20)),
    ),
    "jpeg that claims 65,500 by 65,500": lambda: _jpeg_saying(65500, 65500),
    "jpeg of 50 megapixels": lambda: jpeg((8000, 6250), quality=20),
    "webp of 50 megapixels": lambda: _webp_saying(8000, 6250),
    "too large a file": lambda: jpeg() + bytes(5 * 2**20),
    "too small": lambda: jpeg((159, 800)),
    "one pixel high": lambda: png((800, 1)),
}  # fmt: skip
HARMLESS: dict[str, Callable[[], bytes]] = {
    "jpeg with a place": with_place,
    "jpeg that goes on as a page": lambda: jpeg() + PAGE,
    "jpeg with a page as its comment": lambda: jpeg(comment=PAGE),
    "jpeg that goes on as a zip": lambda: jpeg() + b"PK\x03\x04" + bytes(1000),
    "png that goes on as a page": lambda: png() + PAGE,
    "png with a page as its text": lambda: png_of(
        300, 300, zlib.compress(bytes(301 * 300)), more=_chunk(b"tEXt", b"Comment\x00" + PAGE)
    ),
    "moving webp": lambda: _moving("WEBP"),
    "moving png": lambda: _moving("PNG"),
    "jpeg of 24 megapixels": lambda: jpeg((6000, 4000), quality=20),
    "progressive jpeg of 24 megapixels": lambda: jpeg((6000, 4000), quality=20, progressive=True),
    "png of 12 megapixels": lambda: png((4000, 3000)),
    "webp of 12 megapixels": lambda: _saved("WEBP", (4000, 3000), method=0, quality=20),
    "png of 16 bits": lambda: _saved("PNG", (400, 400), "I;16"),
    "png in black and white": lambda: png((400, 400), "1"),
    "png with a palette": lambda: png((400, 400), "P"),
    "jpeg for printers": lambda: _saved("JPEG", (400, 400), "CMYK"),
    "very wide": lambda: jpeg((8000, 200)),
}


def _webp_saying(width: int, height: int) -> bytes:
    """A small one whose header claims another size."""
    body = bytearray(_saved("WEBP", (200, 200), lossless=True))
    at = body.index(b"VP8L") + 9
    bits = (width - 1) | (height - 1) << 14 | struct.unpack("<I", body[at : at + 4])[0] & 0xF0000000
    body[at : at + 4] = struct.pack("<I", bits)
    return bytes(body)


def _moving(form: str) -> bytes:
    frames = [Image.new("RGB", (300, 300), colour) for colour in ("red", "blue", "green")]
    file = io.BytesIO()
    frames[0].save(file, form, save_all=True, append_images=frames[1:], duration=100)
    return file.getvalue()
