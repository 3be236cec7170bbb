"""Files that are sent as photos: refused with a sentence, or drawn anew without what they hid."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from bookings import photos
from tests import pictures


@pytest.mark.parametrize("name", list(pictures.REFUSED))
def test_a_hostile_file_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(photos.NotAPhoto) as refused:
        photos.drawn(io.BytesIO(pictures.REFUSED[name]()))
    assert refused.value.sentence.endswith(".")


@pytest.mark.parametrize("name", list(pictures.HARMLESS))
def test_what_is_kept_is_a_picture_and_nothing_else(name: str) -> None:
    for size, data in photos.drawn(io.BytesIO(pictures.HARMLESS[name]())).items():
        with Image.open(io.BytesIO(data)) as picture:
            assert picture.format == "JPEG"
            assert picture.size[0] == picture.size[1] <= photos.SIZES[size]
            assert not picture.getexif()
            assert "comment" not in picture.info
        for hidden in (b"script", b"Secret", b"PK\x03\x04", b"Exif"):
            assert hidden not in data


def test_a_photo_is_turned_as_the_camera_was_held() -> None:
    with Image.open(io.BytesIO(photos.drawn(io.BytesIO(pictures.with_place()))["large"])) as photo:
        side = photo.width
        right, left = photo.getpixel((side - 20, side // 2)), photo.getpixel((20, side // 2))
    assert isinstance(right, tuple)
    assert isinstance(left, tuple)
    assert (right[0] > 200, right[1] < 60) == (True, True), "red"
    assert min(left) > 200, "white"


def test_what_is_transparent_becomes_white() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (300, 300), (0, 0, 0, 0)).save(file, "PNG")
    with Image.open(io.BytesIO(photos.drawn(io.BytesIO(file.getvalue()))["small"])) as photo:
        assert photo.getpixel((90, 90)) == (255, 255, 255)


def test_no_file_takes_much_memory(tmp_path: Path) -> None:
    """In a process of its own that has 200 MB more than it begins with, and no more; a file that
    is refused because the memory is used up would be one of the harmless ones."""
    for name, make in {**pictures.REFUSED, **pictures.HARMLESS}.items():
        (tmp_path / name.replace(" ", "_")).write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    kept = set(done.stdout.split())
    assert kept == {name.replace(" ", "_") for name in pictures.HARMLESS}


LIMITED = """
import io, os, resource, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "topmate.settings")
from bookings import photos
from PIL import Image
Image.init()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 200 * 2**20,) * 2)
for name in sorted(os.listdir(sys.argv[1])):
    with open(os.path.join(sys.argv[1], name), "rb") as file:
        try:
            photos.drawn(file)
            print(name)
        except photos.NotAPhoto:
            pass
"""
