import io

import numpy as np
import pytest
from PIL import Image, ImageFile

from inlay.data.pictures import decode_picture
from inlay.errors import BadFile, InlayError
from inlay.images import picture_size, read_image, read_mask, read_picture
from inlay.images.reading import from_pil

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 40, 3)).astype(np.uint8))


def jpeg(**options):
    file = io.BytesIO()
    NOISE.save(file, "JPEG", **options)
    return file.getvalue()


def with_scans(count):
    """A progressive picture whose last scan comes again and again."""
    data = jpeg(progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * (count - data.count(b"\xff\xda") + 1) + b"\xff\xd9"


@pytest.mark.stranger("A.9")
@pytest.mark.parametrize("read", [read_picture, read_image, read_mask, decode_picture])
@pytest.mark.parametrize("count", [101, 20_010])
def test_more_scans_than_a_hundred_are_refused_before_decoding(read, count, tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(with_scans(count))
    monkeypatch.setattr("inlay.images.decoding.cv2.imdecode", None)
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    with pytest.raises(BadFile, match=rf"{count:,} scans, .* save it anew"):
        read(tmp_path / "a.jpg")
    with pytest.raises(InlayError, match=f"{count:,} scans"):
        from_pil(Image.open(io.BytesIO(with_scans(count))))


@pytest.mark.parametrize("count", [10, 100])
def test_usual_ones_are_read(count, tmp_path):
    (tmp_path / "a.jpg").write_bytes(with_scans(count))
    assert read_image(tmp_path / "a.jpg").shape == (*picture_size(tmp_path / "a.jpg"), 3)


def test_what_looks_like_a_scan_in_a_profile_is_none(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg(icc_profile=b"\xff\xda" * 60_000, comment=b"\xff\xda" * 1000))
    assert read_image(tmp_path / "a.jpg").shape == (32, 40, 3)


@pytest.mark.stranger("A.9")
def test_one_color_a_scan_can_be_many_scans_without_being_progressive(tmp_path):
    data = jpeg(streamtype=0)
    head = data.index(b"\xff\xda")
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x00" * 9
    (tmp_path / "a.jpg").write_bytes(data[:head] + scan * 101 + b"\xff\xd9")
    with pytest.raises(BadFile, match="101 scans"):
        read_image(tmp_path / "a.jpg")


@pytest.mark.stranger("A.9")
def test_scans_in_a_tiff_are_counted_part_by_part(tmp_path):
    tall = NOISE.resize((40, 8000))
    tall.save(tmp_path / "many.tif", compression="jpeg", strip_size=40 * 3 * 8)
    assert (tmp_path / "many.tif").read_bytes().count(b"\xff\xda") > 100
    assert read_image(tmp_path / "many.tif").shape == (8000, 40, 3)
    NOISE.save(tmp_path / "a.tif", compression="jpeg")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    with Image.open(tmp_path / "a.tif") as file:
        lengths = file.tag_v2[279]
    bomb = with_scans(101)
    at = data.index(lengths[0].to_bytes(4, "little"), data.index(b"\x17\x01\x04\x00\x01\x00\x00\x00"))  # tag 279
    data[at : at + 4] = len(bomb).to_bytes(4, "little")
    where = data.index(b"\x11\x01\x04\x00\x01\x00\x00\x00") + 8  # tag 273
    data[where : where + 4] = len(data).to_bytes(4, "little")
    (tmp_path / "a.tif").write_bytes(data + bomb)
    with pytest.raises(BadFile, match="101 scans"):
        read_image(tmp_path / "a.tif")
