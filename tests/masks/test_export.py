import json

import numpy as np
import pytest
from PIL import Image

from inlay.buckets import BUCKETS
from inlay.errors import InlayError
from inlay.images import read_mask
from inlay.masks import Boxes, Strokes
from inlay.masks.export import Drawn, by_ratio, draw_buckets, draw_set, write_set

MASK = np.eye(20, dtype=np.bool_)


def frozen(out, count=4, seed=5):
    return list(write_set(draw_set(Strokes(ratio=(0.2, 0.3)), count, 32, seed), "strokes", seed, out))


def manifest(folder):
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def test_manifest_tells_what_every_file_is(tmp_path):
    assert frozen(tmp_path) == manifest(tmp_path)
    for index, row in enumerate(manifest(tmp_path)):
        assert (row["file"], row["family"], row["seed"]) == (f"{index:06d}.png", "strokes", 5)
        assert row["ratio"] == read_mask(tmp_path / row["file"]).mean()
        assert "id" not in row
    with Image.open(tmp_path / "000000.png") as file:
        assert (file.mode, file.size) == ("L", (32, 32))
        assert set(np.unique(np.asarray(file))) == {0, 255}


def test_manifest_names_the_pictures_that_masks_are_for(tmp_path):
    list(write_set([Drawn("deep/a", MASK, "deep/a.jpg")], "strokes", 0, tmp_path))
    (row,) = manifest(tmp_path)
    assert (row["file"], row["id"]) == ("deep/a.png", "deep/a.jpg")
    assert np.array_equal(read_mask(tmp_path / "deep/a.png"), MASK)


def test_longer_set_begins_with_the_shorter_and_another_seed_is_another_set(tmp_path):
    for name, count, seed in (("short", 3, 5), ("long", 6, 5), ("other", 6, 6)):
        frozen(tmp_path / name, count=count, seed=seed)
    assert contents(tmp_path / "short").items() < contents(tmp_path / "long").items()
    assert set(contents(tmp_path / "long").values()).isdisjoint(contents(tmp_path / "other").values())


def test_refuses_a_folder_that_holds_a_set_and_leaves_it_alone(tmp_path):
    frozen(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(InlayError, match=rf"{tmp_path}: holds a mask set already\. Choose another --out"):
        frozen(tmp_path, seed=6)
    assert contents(tmp_path) == before


def test_refuses_two_masks_of_one_name(tmp_path):
    with pytest.raises(InlayError, match=r"a\.png: two pictures would share it"):
        list(write_set([Drawn("a", MASK, "a.jpg"), Drawn("a", ~MASK, "a.png")], "strokes", 0, tmp_path))
    assert np.array_equal(read_mask(tmp_path / "a.png"), MASK)
    assert not (tmp_path / "manifest.jsonl").exists()


def test_writes_no_manifest_before_every_file_is_there(tmp_path):
    rows = write_set(draw_set(Boxes(), 3, 32, 0), "boxes", 0, tmp_path)
    next(rows)
    assert [path.name for path in tmp_path.iterdir()] == ["000000.png"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InlayError, match="cannot be written"):
        frozen(tmp_path / "file/set")
    with pytest.raises(InlayError, match=r"manifest\.jsonl: cannot be written"):
        frozen(tmp_path / "file", count=0)


class TestBuckets:
    def test_keep_to_ratio_and_border_which_their_layout_names(self):
        margin, drawn = round(50 / 512 * 64), list(draw_buckets(Strokes(ratio=None, border=0.3), 2, 64, 0))
        shares = ["01-10", "10-20", "20-30", "30-40", "40-50", "50-60"]
        names = [f"{b}/{share}/{n:06d}" for b in ("free", "border") for share in shares for n in range(2)]
        assert [one.name for one in drawn] == names
        for one in drawn:
            border, share, _ = one.name.split("/")
            low, high = BUCKETS[shares.index(share)]
            assert low <= one.mask.mean() <= high
            if border == "border":
                assert not one.mask[:margin].any()
                assert not one.mask[:, -margin:].any()

    @pytest.mark.stranger("17.C.5")
    def test_are_spread_as_the_family_is_unless_asked_otherwise(self):
        asked = by_ratio(Boxes(ratio=(0.1, 0.2), spread="uniform")), by_ratio(Boxes(), "uniform"), by_ratio(Boxes())
        spreads = [{each.spread for each in families.values()} for families in asked]
        assert spreads == [{"uniform"}, {"uniform"}, {"natural"}]


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/../../outside"])
def test_refuses_a_name_that_leads_out_of_the_folder(tmp_path, name):
    with pytest.raises(InlayError, match="leads out of"):
        list(write_set([Drawn(name, MASK)], "boxes", 0, tmp_path / "set"))
    assert list(tmp_path.rglob("*.png")) == []
