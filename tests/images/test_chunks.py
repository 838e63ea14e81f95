"""What a PNG and a JPEG say besides profile, EXIF and XMP."""

import base64
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from inlay.errors import BadFile
from inlay.images import read_picture, unsupported_metadata, write_picture
from inlay.images.chunks import MOST, Chunk, looks_like_srgb, read_chunks
from tests.images.described import RGB_PROFILE, png_chunks, with_chunks, wrote

COLORS = {
    b"gAMA": struct.pack(">I", 100_000),
    b"cHRM": struct.pack(">8I", 31270, 32900, 70800, 29200, 17000, 79700, 13100, 4600),
    b"cICP": bytes([9, 16, 0, 1]),
    b"sRGB": b"\1",
}
TEXTS = [
    (b"tEXt", b"Title\0a garden"),
    (b"zTXt", b"Comment\0\0" + zlib.compress(b"long " * 200)),
    (b"iTXt", "Author\0\0\0de\0Autor\0Jürgen".encode()),
    (b"iTXt", b"prompt\0\1\0\0\0" + zlib.compress(b'{"seed": 7}')),
]


@pytest.mark.stranger("17.A.3")
class TestThePartsOfAPng:
    @pytest.mark.parametrize("deep", [False, True])
    def test_come_through_as_they_were_and_are_seen_by_pillow(self, deep, tmp_path):
        chunks = [*COLORS.items(), *TEXTS]
        given = read_picture(with_chunks(tmp_path / "in.png", chunks, deep))
        path = wrote(tmp_path, ".png", given)
        assert [chunk for chunk in png_chunks(path) if chunk in chunks] == chunks
        assert given.metadata.left_out == ()
        assert np.array_equal(read_picture(path).pixels, given.pixels)
        with Image.open(path) as file:
            seen = [file.info["gamma"], *(file.text[name] for name in ("Title", "Author", "prompt"))]
        assert seen == [1.0, "a garden", "Jürgen", '{"seed": 7}']

    @pytest.mark.parametrize(
        ("chunk", "reason"),
        [
            ((b"tEXt", b"Thumb\0" + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(99))), "holds a further picture"),
            ((b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(b"\nffd8ffe0 0010")), "holds a further picture"),
            ((b"tEXt", b"long\0" + b"a" * (MOST + 1)), "'long', which is too long"),
            ((b"zTXt", b"odd\0\0no deflate"), "'odd', which is damaged"),
            ((b"iTXt", b"short\0"), "'short', which is damaged"),
        ],
        ids=["thumbnail", "raw profile", "long", "no deflate", "no text"],
    )
    def test_that_do_not_travel_are_said(self, chunk, reason, tmp_path):
        metadata = read_picture(with_chunks(tmp_path / "in.png", [chunk, TEXTS[0]])).metadata
        assert metadata.chunks == (TEXTS[0],)
        assert reason in metadata.left_out[0]

    def test_are_bounded_each_and_together_and_said_where_the_checksum_is_wrong(self, tmp_path):
        path = with_chunks(tmp_path / "in.png", [(b"zTXt", b"bomb\0\0" + zlib.compress(bytes(20 * MOST)))])
        with pytest.raises(BadFile, match="a text in it unpacks to more than a megabyte"):
            read_picture(path)
        many = [(b"tEXt", b"n%d\0" % number + bytes([65 + number]) * (MOST // 3)) for number in range(5)]
        kept, left_out = read_chunks(with_chunks(tmp_path / "in.png", many))
        assert (len(kept), len(left_out)) == (3, 2)
        path = with_chunks(tmp_path / "in.png", [(b"tEXt", b"Title\0a garden")])
        path.write_bytes(path.read_bytes().replace(b"a garden", b"a warden"))
        assert read_chunks(path) == ((), ("a part tEXt, which is damaged or too long",))

    def test_yield_to_a_profile(self, tmp_path):
        given = read_picture(with_chunks(tmp_path / "in.png", [(b"sRGB", b"\1")]))
        told = replace(given, metadata=replace(given.metadata, icc=RGB_PROFILE))
        names = {name for name, _ in png_chunks(wrote(tmp_path, ".png", told))}
        assert names & {b"iCCP", b"sRGB"} == {b"iCCP"}


@pytest.mark.parametrize(
    ("chunks", "profile", "expected"),
    [
        ({}, False, True),
        ({b"gAMA": struct.pack(">I", 45455)}, False, True),
        ({b"gAMA": COLORS[b"gAMA"]}, False, False),
        ({b"gAMA": COLORS[b"gAMA"]}, True, True),
        ({b"cHRM": COLORS[b"cHRM"], b"sRGB": b"\0"}, False, True),
        ({b"cICP": COLORS[b"cICP"], b"sRGB": b"\0"}, True, False),
        ({b"cICP": b"\1\x0d\0\1"}, False, True),
    ],
)
def test_colors_that_everybody_takes_for_granted_need_no_part(chunks, profile, expected):
    assert looks_like_srgb(tuple(Chunk(*chunk) for chunk in chunks.items()), profile) is expected


@pytest.mark.stranger("17.A.3")
class TestComments:
    def test_of_a_jpeg_come_through_and_become_texts_of_a_png(self, save, tmp_path):
        path = save(quality=100, comment="for Jürgen")
        data, second = path.read_bytes(), b"\xff\xfe" + struct.pack(">H", 8) + b"second"
        path.write_bytes(data[:2] + second + data[2:])
        back = read_picture(wrote(tmp_path, ".jpg", read_picture(path)))
        assert back.metadata.comments == (b"second", "for Jürgen".encode())
        with Image.open(wrote(tmp_path, ".png", read_picture(path))) as file:
            assert file.text["Comment"] == "for Jürgen"

    def test_that_hold_a_picture_are_said(self, save):
        metadata = read_picture(save(comment=b"\xff\xd8\xff\xe0 thumbnail")).metadata
        assert metadata.comments == ()
        assert "1 comments, which are too long or hold a further picture" in metadata.left_out


@pytest.mark.parametrize(
    ("suffix", "lost"),
    [
        (".png", []),
        (".jpg", ["texts", "colors"]),
        (".webp", ["comments", "texts", "colors"]),
        (".tif", ["comments", "texts", "colors"]),
        (".bmp", ["EXIF", "comments", "texts", "colors"]),
    ],
)
@pytest.mark.stranger("17.A.3")
def test_what_a_format_has_no_place_for_is_known(suffix, lost, tmp_path):
    given = read_picture(with_chunks(tmp_path / "in.png", [(b"gAMA", COLORS[b"gAMA"]), TEXTS[0]]))
    described = replace(given, metadata=replace(given.metadata, exif=b"II*\0\x08" + bytes(9), comments=(b"a",)))
    assert unsupported_metadata(tmp_path / f"out{suffix}", described) == lost
    write_picture(tmp_path / f"out{suffix}", described)
