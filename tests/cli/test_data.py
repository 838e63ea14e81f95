"""``inlay data prepare`` and ``inlay data check``."""

import json

import pytest

from inlay.data.index import read_rows
from inlay.images import READ_HERE

INLAY_READS = f"Inlay reads {READ_HERE}."


@pytest.fixture
def prepare(inlay, root, tmp_path):
    def prepare(*settings):
        arguments = ["--root", root, "--out", tmp_path / "index.jsonl", "--workers", 0]
        return inlay("data", "prepare", "folder", *arguments, *settings)

    return prepare


class TestPrepare:
    def test_writes_an_index_and_says_what_it_holds(self, prepare, root, tmp_path):
        (root / "train/broken.jpg").write_text("broken")
        out, progress, status = prepare()
        assert status == 0
        assert "index.jsonl: 100%" in progress
        assert out.splitlines()[:3] == [
            "6 found: 5 kept, 1 refused",
            "splits: train 4, val 1",
            "  refused train/broken.jpg: not a picture. " + INLAY_READS,
        ]
        assert f"{tmp_path / 'index.jsonl'} is the index, {tmp_path / 'index.refused.csv'} lists" in out
        assert len(list(read_rows(tmp_path / "index.jsonl"))) == 5

    @pytest.mark.parametrize("place", ["behind", "before"])
    def test_takes_settings_of_the_dataset(self, inlay, root, tmp_path, place):
        (root / "said.json").write_text(json.dumps({"train/a.png": "One."}))
        setting, options = ["data.listing.captions=said.json"], ["--root", root, "--out", tmp_path / "index.jsonl"]
        arguments = options + setting if place == "behind" else setting + options
        out, _, status = inlay("data", "prepare", "folder", *arguments, "--workers", 0)
        assert (status, "captions: 4 pictures with 0, 1 pictures with 1" in out) == (0, True)
        assert next(read_rows(tmp_path / "index.jsonl"))["captions"] == ["One."]

    @pytest.mark.parametrize("dataset", ["places2", "cub", "pets", "flist"])
    def test_knows_other_datasets(self, refused, tmp_path, dataset):
        (root := tmp_path / "empty").mkdir()
        line = refused("data", "prepare", dataset, "--root", root, "--out", tmp_path / "index.jsonl")
        assert f"data.root={root}" in line
        assert "is missing. Expected there" in line

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["folder", "data.listing.nonsense=1"], "nonsense"),
            (["folder", "data.listing.captions=none.json"], "none.json: no such file"),
            (["folder", "--root", "none"], "none: no such folder"),
            (["birds"], "cub"),
            (["demo"], "has no files to index"),
        ],
    )
    def test_answers_bad_settings_with_a_line(self, refused, root, tmp_path, arguments, message):
        dataset, *more = arguments
        given = ["--root", root, "--out", tmp_path / "index.jsonl", *more]
        assert message in refused("data", "prepare", dataset, *given)

    @pytest.mark.parametrize("arguments", [["folder"], ["folder", "--nonsense"]])
    def test_answers_other_mistakes_with_its_usage(self, inlay, arguments):
        _, error, status = inlay("data", "prepare", *arguments)
        assert status == 2
        assert error.startswith("usage: inlay data prepare")


class TestCheck:
    def check(self, inlay, *arguments):
        return inlay("data", "check", *arguments, "--workers", 0)

    def test_names_what_is_not_and_fails(self, inlay, prepare, root, tmp_path):
        prepare()
        (root / "train/a.png").unlink()
        (root / "val/e.png").write_bytes((root / "train/v1.0/d.png").read_bytes())
        out, error, status = self.check(inlay, tmp_path / "index.jsonl")
        assert status == 1
        missing, changed, summary = out.splitlines()
        assert missing == "train/a.png: no such file. Check the path."
        assert changed.startswith("val/e.png: size was [50, 49], is [50, 56]")
        assert summary.endswith("5 pictures in " + f"{tmp_path / 'index.jsonl'}: 3 sound, 2 not")
        assert f"error: 2 files under {root} are not as the index says. Make it anew" in error

    def test_finds_everything_sound_also_elsewhere_if_asked(self, inlay, prepare, root, tmp_path):
        prepare()
        root.rename(tmp_path / "moved")
        assert self.check(inlay, tmp_path / "index.jsonl")[2] == 1
        out, _, status = self.check(inlay, tmp_path / "index.jsonl", "--root", tmp_path / "moved")
        assert (out, status) == (f"5 pictures in {tmp_path / 'index.jsonl'}: 5 sound, 0 not\n", 0)

    def test_says_when_it_cannot_know_where(self, refused, tmp_path):
        (tmp_path / "other.jsonl").write_text('{"id": "a", "image": "a.png", "split": "train"}\n')
        assert refused("data", "check", tmp_path / "other.jsonl").endswith("Give --root.")
        assert "none.jsonl: no such file" in refused("data", "check", tmp_path / "none.jsonl", "--root", tmp_path)

    def test_takes_no_settings(self, inlay, tmp_path):
        _, error, status = inlay("data", "check", tmp_path / "index.jsonl", "data=folder")
        assert status == 2
        assert "unrecognized arguments: data=folder" in error


@pytest.mark.stranger("17.A.6")
def test_an_index_of_no_pictures_is_an_error_where_it_is_made_and_checked(refused, tmp_path):
    (root := tmp_path / "photos").mkdir()
    (root / "a.psd").touch()
    (root / "b.jpg").write_text("no picture")
    line = refused("data", "prepare", "folder", "--root", root, "--out", tmp_path / "index.jsonl", "--workers", 0)
    assert "index.jsonl: an index of 0 pictures. Check --root" in line
    (tmp_path / "empty.jsonl").touch()
    assert "an index of 0 pictures" in refused("data", "check", tmp_path / "empty.jsonl", "--root", tmp_path)
