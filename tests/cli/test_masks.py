"""``inlay masks generate``, ``buckets`` and ``preview``."""

import json

import numpy as np
import pytest
from hydra.utils import instantiate
from PIL import Image

from inlay.cli.settings import compose_config
from inlay.images import read_image, read_mask
from inlay.masks import Paired, Shapes, Strokes
from inlay.masks.export import draw_buckets, draw_set
from tests.conftest import ROOT

RATIO = "masks.ratio=[0.1,0.4]"
D = "v1.0/d.png"


def manifest(folder):
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.png")}


@pytest.fixture
def out(tmp_path):
    return tmp_path / "set"


class TestGenerate:
    @pytest.fixture
    def generate(self, inlay, out):
        def generate(*arguments, to=out):
            printed, error, status = inlay("masks", "generate", "--out", to, *arguments)
            assert status == 0, error
            return printed

        return generate

    @pytest.mark.parametrize("family", ["strokes", "shapes", "boxes"])
    def test_writes_pngs_and_a_manifest(self, generate, out, family):
        printed = generate(f"masks={family}", "--count", 3, "--size", 32, RATIO)
        assert sorted(contents(out)) == [row["file"] for row in manifest(out)] == [f"00000{i}.png" for i in range(3)]
        assert all(row["family"] == family and 0.1 <= row["ratio"] <= 0.4 for row in manifest(out))
        assert printed.startswith(f"3 masks in {out}, hole ratio 0.")

    def test_draws_the_same_set_as_the_function(self, generate, out):
        settings = ["masks.ratio=[0.2,0.3]", "masks.brush=[0.1,0.2]", "masks.border=0.1"]
        generate("--count", 3, "--size", 32, "--seed", 5, *settings)
        family = Strokes(ratio=(0.2, 0.3), brush=(0.1, 0.2), border=0.1)
        for number, mask, _ in draw_set(family, 3, 32, 5):
            assert np.array_equal(read_mask(out / f"{number}.png"), mask)

    def test_draws_one_for_each_picture_which_the_paired_family_finds(self, generate, out, root):
        printed = generate("data=folder", f"data.root={root}")
        assert [row["id"] for row in manifest(out)] == [f"train/{n}" for n in ("a.png", "b.jpg", "deep/c.webp", D)]
        assert [row["file"] for row in manifest(out)] == [f"train/{n}" for n in ("a.png", "b.png", "deep/c.png", D)]
        assert Paired(root=str(out)).without_partner(row["id"] for row in manifest(out)) == []
        assert sorted(contents(out)) == [row["file"] for row in manifest(out)]
        for row in manifest(out):
            assert read_mask(out / row["file"]).shape == read_image(root / row["id"]).shape[:2]
        assert "4 pictures, 0 without a mask" in printed

    def test_draws_for_another_split_if_asked_and_refuses_a_second_set_in_its_folder(
        self, generate, refused, out, root
    ):
        generate("data=folder", f"data.root={root}", "--split", "val")
        assert [row["id"] for row in manifest(out)] == ["val/e.png"]
        assert "holds a mask set already" in refused("masks", "generate", "--out", out, "--count", 1)

    def test_draws_a_picture_the_same_mask_whatever_else_there_is(self, generate, root, tmp_path):
        generate("data=folder", f"data.root={root}", to=tmp_path / "first")
        (root / "train/a.png").rename(root / "train/0.png")
        Image.new("RGB", (64, 64)).save(root / "train/new.png")
        generate("data=folder", f"data.root={root}", to=tmp_path / "second")
        first, second = contents(tmp_path / "first"), contents(tmp_path / "second")
        assert set(second) - set(first) == {"train/0.png", "train/new.png"}
        assert all(second[name] == first[name] for name in set(first) & set(second))
        assert len(set(first) & set(second)) == 3

    @pytest.fixture
    def indexed(self, generate, root, tmp_path):

        def indexed(place, rows, *settings):
            (index := tmp_path / "index.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
            return generate(*settings, "data=index", f"data.root={root}", f"data.index={index}", to=place)

        return indexed

    def test_of_an_index_in_any_order_is_the_same(self, indexed, tmp_path):
        images = {"a.png": "train/a.png", "b.jpg": "train/b.jpg", "e": "val/e.png"}
        rows = [{"id": f"v1.0/{name}", "image": image, "split": "train"} for name, image in images.items()]
        for place, order in (("first", rows), ("second", rows[::-1])):
            indexed(tmp_path / place, order)
        assert contents(tmp_path / "first") == contents(tmp_path / "second")
        assert sorted(contents(tmp_path / "first")) == ["v1.0/a.png", "v1.0/b.png", "v1.0/e.png"]

    def test_lists_pictures_without_a_hole(self, indexed, out, root):
        names = ("train/a.png", "train/b.jpg", "none.png")
        rows = [{"id": name, "image": name, "split": "train"} for name in names]
        rows[0] |= {"bbox": [10, 10, 40, 40]}
        printed = indexed(out, rows, "masks=objects")
        assert [row["id"] for row in manifest(out)] == ["train/a.png"]
        assert "no mask for train/b.jpg: the dataset has neither segmentation nor box" in printed
        assert f"no mask for none.png: {root}/none.png: no such file" in printed
        assert "3 pictures, 2 without a mask" in printed

    def test_stops_at_broken_pictures_unless_told_to_skip_them(self, inlay, refused, out, root):
        (root / "train/broken.jpg").write_text("broken")
        settings = ["masks", "generate", "--out", out, "data=folder", f"data.root={root}"]
        assert f"{root}/train/broken.jpg: not a picture" in refused(*settings)
        assert inlay(*settings, "data.on_bad_file=skip")[2] == 0
        assert len(manifest(out)) == 4

    def test_refuses_pictures_that_would_share_a_mask(self, refused, out, root):
        (root / "train/a.jpg").write_bytes((root / "train/b.jpg").read_bytes())
        line = refused("masks", "generate", "--out", out, "data=folder", f"data.root={root}")
        assert f"{out}/train/a.png: two pictures would share it" in line
        assert not (out / "manifest.jsonl").exists()


class TestBuckets:
    @pytest.mark.parametrize(("family", "seed"), [(Strokes, 0), (Shapes, 1)])
    def test_are_those_of_the_function_in_twelve_folders(self, inlay, out, family, seed):
        options = ["--count", 2, "--size", 64, "--seed", seed, f"masks={family.__name__.lower()}"]
        printed, error, status = inlay("masks", "buckets", "--out", out, *options)
        assert status == 0, error
        assert f"24 masks in {out}" in printed
        drawn = {f"{name}.png": mask for name, mask, _ in draw_buckets(family(), 2, 64, seed)}
        assert contents(out).keys() == drawn.keys()
        assert all(np.array_equal(read_mask(out / name), mask) for name, mask in drawn.items())
        assert len({path.parent for path in out.rglob("*.png")}) == 12

    @pytest.mark.parametrize("family", ["center", "files"])
    def test_need_a_family_with_ratio_and_border(self, refused, out, family):
        root = [f"masks.root={ROOT}/masks/sample"] if family == "files" else []
        line = refused("masks", "buckets", "--out", out, f"masks={family}", *root)
        assert line == f"error: {family} has no ratio and border to set. Use masks=strokes, shapes or boxes."


class TestPreview:
    def test_is_a_sheet_of_masks(self, inlay, tmp_path):
        path = tmp_path / "sheet.png"
        printed, _, status = inlay("masks", "preview", "masks=boxes", "--count", 8, "--size", 48, "--out", path)
        assert status == 0
        assert printed.startswith(f"8 masks in {path}")
        sheet = read_image(path)
        assert sheet.shape == (2 * (48 + 20) + 4, 6 * 48 + 5 * 4, 3)
        tile = sheet[:48, :48]
        assert set(np.unique(tile)) == {0, 255}
        (drawn,) = draw_set(instantiate(compose_config(["masks=boxes"]).masks), 1, 48, 0)
        assert np.array_equal(tile[..., 0] == 255, drawn.mask)

    def test_shows_pictures_where_there_are_some_and_others_for_broken_ones(self, inlay, root, tmp_path):
        path = tmp_path / "sheet.png"
        command = ["masks", "preview", "masks=center", "data=folder", f"data.root={root}", "--size", 32, "--out", path]
        printed, _, status = inlay(*command)
        assert status == 0
        assert printed.splitlines()[-1].startswith("4 masks")  # as many as there are pictures
        tile = read_image(path)[:32, :32]
        assert (tile[8:24, 8:24] == 255).all()
        assert tile[:8].std() > 20
        (root / "train/a.png").write_text("broken")
        assert inlay(*command, "data.verify=false", "data.on_bad_file=skip")[2] == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("generate --count 0", "--count must be >= 1"),
        ("generate --count 1 --size 8", "--size >= 16"),
        ("generate --count 1 masks.ratio=[0.4,0.1]", "masks.ratio must be [low, high]"),
        ("generate --count 1 masks.border=0.7", "masks.border must lie in [0, 0.5)"),
        ("generate --count 1 masks.nonsense=1", "nonsense"),
        ("generate --count 1 masks=nonsense", "nonsense"),
        ("generate --count 1 nonsense", "nonsense"),
        pytest.param("generate --count 1 masks=files", "give masks.root=", marks=pytest.mark.stranger("B.7")),
        ("generate --count 1 masks=objects", "masks=objects takes holes from a dataset's pictures"),
        ("generate", "give --count, or the pictures that the masks are for: data=... data.root=..."),
        ("generate data=index data.root=nowhere", "data.index: give the index of these pictures"),
        ("generate data=folder data.root=nowhere", "data.root=nowhere: no such folder"),
        ("preview --count 0", "--count must be >= 1"),
        ("preview masks.ratio=[2,3]", "masks.ratio must be"),
        ("preview masks=paired", "masks=paired takes a mask for each picture"),
        ("preview data=folder data.root=nowhere", "nowhere: no such folder"),
        ("preview --count 1 --out sheet.gif", "unknown suffix '.gif'"),
    ],
)
def test_bad_settings_are_answered_with_a_line(refused, tmp_path, line, message):
    command, *arguments = line.split()
    assert message in refused("masks", command, "--out", tmp_path / "set.png", *arguments)
    assert not (tmp_path / "set.png").exists()
