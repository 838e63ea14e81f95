import json

import numpy as np
import pytest
from PIL import Image

from inlay.cli import main
from inlay.errors import InlayError
from inlay.images import read_mask
from inlay.masks import Boxes, Files, Strokes, freeze

STROKES = Strokes(ratio=(0.2, 0.3))


def frozen(out, count=4, family=STROKES, seed=5):
    return list(freeze(family, "strokes", count=count, size=32, seed=seed, out=out))


def manifest(folder):
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


class TestFreeze:
    def test_yields_the_rows_of_the_manifest(self, tmp_path):
        assert frozen(tmp_path / "set") == manifest(tmp_path / "set")

    def test_manifest_tells_what_every_file_is(self, tmp_path):
        frozen(tmp_path)
        for index, row in enumerate(manifest(tmp_path)):
            assert (row["file"], row["family"], row["seed"]) == (f"{index:06d}.png", "strokes", 5)
            assert row["ratio"] == round(read_mask(tmp_path / row["file"]).mean(), 6)

    def test_files_are_gray_and_of_two_values(self, tmp_path):
        frozen(tmp_path)
        with Image.open(tmp_path / "000000.png") as file:
            assert (file.mode, file.size) == ("L", (32, 32))
            assert set(np.unique(np.asarray(file))) == {0, 255}

    def test_files_are_what_the_mask_family_reads(self, tmp_path, rng):
        frozen(tmp_path)
        assert 0.2 <= Files(root=str(tmp_path))(32, 32, rng).mean() <= 0.3

    def test_longer_set_begins_with_the_shorter(self, tmp_path):
        frozen(tmp_path / "short", count=3)
        frozen(tmp_path / "long", count=6)
        assert contents(tmp_path / "short").items() < contents(tmp_path / "long").items()

    def test_another_seed_is_another_set(self, tmp_path):
        frozen(tmp_path / "a", seed=1)
        frozen(tmp_path / "b", seed=2)
        assert set(contents(tmp_path / "a").values()).isdisjoint(contents(tmp_path / "b").values())

    def test_refuses_a_folder_that_holds_a_set_and_leaves_it_alone(self, tmp_path):
        frozen(tmp_path)
        before = contents(tmp_path)
        with pytest.raises(InlayError, match=rf"{tmp_path}: holds a mask set already\. Choose another --out"):
            frozen(tmp_path, seed=6)
        assert contents(tmp_path) == before

    def test_writes_no_manifest_before_every_file_is_there(self, tmp_path):
        rows = freeze(Boxes(), "boxes", count=3, size=32, seed=0, out=tmp_path)
        next(rows)
        assert [path.name for path in tmp_path.iterdir()] == ["000000.png"]


class TestCommand:
    @pytest.fixture
    def generate(self, monkeypatch, tmp_path):
        def run(*arguments):
            argv = ["inlay", "masks", "generate", "--size", "32", "--out", str(tmp_path / "set"), *arguments]
            monkeypatch.setattr("sys.argv", argv)
            main()
            return tmp_path / "set"

        return run

    @pytest.mark.parametrize("family", ["strokes", "shapes", "boxes"])
    def test_writes_pngs_and_a_manifest(self, generate, family, capsys):
        out = generate("--family", family, "--count", "3", "--ratio", "0.1", "0.4")
        assert sorted(contents(out)) == [row["file"] for row in manifest(out)]
        assert all(row["family"] == family and 0.1 <= row["ratio"] <= 0.4 for row in manifest(out))
        assert capsys.readouterr().out.startswith(f"3 masks in {out}, hole ratio 0.")

    def test_draws_the_same_set_as_the_function(self, generate, tmp_path):
        frozen(tmp_path / "twin")
        out = generate("--count", "4", "--ratio", "0.2", "0.3", "--seed", "5")
        assert contents(out) == contents(tmp_path / "twin")

    def test_keeps_the_border_free(self, generate):
        out = generate("--count", "2", "--border", "0.25")
        masks = [read_mask(out / row["file"]) for row in manifest(out)]
        assert not any(mask[:8].any() or mask[:, -8:].any() for mask in masks)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--count", "0"], "--count must be >= 1"),
            (["--count", "1", "--size", "8"], "--size >= 16"),
            (["--count", "1", "--ratio", "0.4", "0.1"], "masks.ratio must be [low, high]"),
            (["--count", "1", "--border", "0.7"], "masks.border must lie in [0, 0.5)"),
        ],
    )
    def test_answers_bad_input_with_one_line_and_status_1(self, generate, arguments, message, capsys):
        with pytest.raises(SystemExit) as stopped:
            generate(*arguments)
        assert stopped.value.code == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ")
        assert message in line

    def test_refuses_a_second_set_in_the_same_folder(self, generate, capsys):
        generate("--count", "1")
        with pytest.raises(SystemExit) as stopped:
            generate("--count", "1")
        assert stopped.value.code == 1
        assert "holds a mask set already" in capsys.readouterr().err.splitlines()[-1]
