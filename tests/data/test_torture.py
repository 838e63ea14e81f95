"""A folder as scraped from the web, from listing to the end of a run: nothing stops it, nothing is lost unseen."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inlay.callbacks.bad_files import read
from inlay.data.datasets import Folder
from inlay.data.prepare import prepare
from inlay.errors import reported
from inlay.images import Picture, write_picture
from inlay.tasks import InpaintingTask
from tests.training import metrics, train, weights

USUAL = [f"usual{number}.jpg" for number in range(6)]
ODD = ["gif.jpg", "alpha.jpg", "cmyk.jpg", "deep.png", "palette.png", "rotated.jpg", "tail.jpg"]
BAD = {  # what is wrong with it, in the words of bad_files.csv
    "truncated.jpg": "truncated",
    "zero.jpg": "the file is empty",
    "dot.png": "1x1 pixels are too few",
    "moving.webp": "an animation of 2 frames",
    "bomb.png": "more than 150,000,000 pixels",
    "text.jpg": "not a picture",
    "dangling.jpg": "a link that leads nowhere",
    "folder.jpg": "a folder, not a picture",
    "unreadable.jpg": "reading it is not allowed",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root, rng = tmp_path_factory.mktemp("torture"), np.random.default_rng(0)
    pictures = (Image.fromarray(rng.integers(0, 256, (40, 48, 3)).astype(np.uint8)) for _ in range(30))
    train, val = root / "train", root / "val"
    train.mkdir()
    val.mkdir()
    for path in (*(train / name for name in [*USUAL, "unreadable.jpg"]), val / "a.jpg", val / "b.jpg"):
        next(pictures).save(path)
    next(pictures).convert("P").save(train / "gif.jpg", "GIF")
    next(pictures).convert("RGBA").save(train / "alpha.jpg", "PNG")
    next(pictures).convert("CMYK").save(train / "cmyk.jpg")
    write_picture(train / "deep.png", Picture(rng.integers(0, 65536, (40, 48, 3)).astype(np.uint16)))
    next(pictures).convert("P").save(train / "palette.png")
    next(pictures).save(train / "moving.webp", save_all=True, append_images=[next(pictures)])
    (exif := Image.Exif())[0x0112] = 6
    next(pictures).save(train / "rotated.jpg", exif=exif)
    (train / "tail.jpg").write_bytes((train / USUAL[0]).read_bytes() + b"notes")
    (train / "truncated.jpg").write_bytes((train / USUAL[0]).read_bytes()[:-200])
    (train / "zero.jpg").touch()
    Image.new("RGB", (1, 1)).save(train / "dot.png")
    Image.new("1", (14_000, 14_000)).save(train / "bomb.png")
    (train / "dangling.jpg").symlink_to("nowhere.jpg")
    (train / "folder.jpg").mkdir()
    for path in (train / "text.jpg", val / "broken.jpg"):
        path.write_text("404 Not Found")
    return root


@pytest.fixture(autouse=True)
def _unreadable(monkeypatch):
    """``unreadable.jpg`` is so for the administrator, too, who may run the tests."""
    given = Path.open

    def open_unless_forbidden(path, *arguments, **options):
        if path.name == "unreadable.jpg":
            raise PermissionError(13, "Permission denied")
        return given(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", open_unless_forbidden)


def assert_listed(run_dir, bad):
    listed = read(run_dir / "bad_files.csv")
    assert sorted(problem.file for problem in listed) == sorted(bad)
    for problem in listed:
        assert bad[problem.file] in problem.reason
        assert problem.what == "picture"
        assert f"/{problem.split}/" in problem.file


def summary(caplog):
    sums = re.findall(r"(\d+) training pictures found = (\d+) used \+ (\d+) listed", caplog.text)
    return tuple(map(int, sums[-1]))


SKIP = "data.on_bad_file=skip"


@pytest.mark.parametrize("verify", [True, False], ids=["found ahead", "met in training"])
def test_a_run_ends_and_lists_each_bad_file_once(root, tmp_path, caplog, verify):
    """14 good pictures in batches of two: 16 iterations are more than two passes over them, or one over all 22."""
    train(tmp_path, f"data.root={root}", SKIP, f"data.verify={verify}", "iterations=16", "validate_every=8")
    assert len(metrics(tmp_path, "train/loss")) == 16
    assert all(np.isfinite(metrics(tmp_path, "train/loss")))
    bad = {f"{root}/train/{name}": reason for name, reason in BAD.items()}
    assert_listed(tmp_path, bad | {f"{root}/val/broken.jpg": "not a picture"})
    assert summary(caplog) == (22, len(USUAL) + len(ODD), len(BAD))


@pytest.mark.stranger("B.19", "B.7")
@pytest.mark.parametrize("verify", [True, False])
def test_a_run_that_shall_stop_says_where_in_one_line(root, tmp_path, capsys, verify):
    with pytest.raises(SystemExit) as stop, reported():
        train(tmp_path, f"data.root={root}", f"data.verify={verify}", "iterations=16")
    assert stop.value.code == 1
    line = capsys.readouterr().err.splitlines()[-1]
    name = re.match(rf"error: {root}/(?:train|val)/(\S+): .*data\.on_bad_file=skip", line).group(1)
    assert name in {*BAD, "broken.jpg"}
    assert not (tmp_path / "bad_files.csv").exists()


@pytest.fixture
def good(tmp_path, save):
    """Eight pictures for training and two for validation, with an index of their own."""
    for number in range(10):
        save(f"pictures/{'train' if number < 8 else 'val'}/{number}.jpg", (40, 48))
    prepare(Folder(), tmp_path / "pictures", tmp_path / "index.jsonl", 0)
    return tmp_path / "pictures", [f"data.root={tmp_path / 'pictures'}", f"data.index={tmp_path / 'index.jsonl'}"]


def test_files_that_break_later_are_replaced_and_listed_once_in_a_resumed_run(good, tmp_path, caplog):
    root, settings = good
    (root / "train/1.jpg").unlink()
    (root / "train/5.jpg").write_bytes((root / "train/5.jpg").read_bytes()[:-300])
    bad = {str(root / "train/1.jpg"): "no such file", str(root / "train/5.jpg"): "truncated"}
    for until, *resume in (["iterations=9"], ["iterations=12", "resume=last"], ["iterations=14", "resume=last"]):
        train(tmp_path / "run", "data=index", *settings, SKIP, until, "validate_every=5", *resume)
        assert_listed(tmp_path / "run", bad)
        assert summary(caplog) == (8, 6, 2)
    assert (tmp_path / "run/bad_files.csv").read_text().count("split,id,what") == 1
    train(tmp_path / "run", "data=index", *settings, SKIP, "iterations=5")
    for folder in ("run/earlier/3", "run"):  # a fresh run sets the list aside
        assert_listed(tmp_path / folder, bad)


def test_pictures_without_a_hole_are_replaced_and_listed(good, tmp_path, caplog):
    _, settings = good
    rows = (tmp_path / "index.jsonl").read_text().splitlines()
    boxed = [row[:-1] + ', "bbox": [8, 8, 36, 32]}' if number % 3 else row for number, row in enumerate(rows)]
    (tmp_path / "index.jsonl").write_text("\n".join(boxed) + "\n")
    train(tmp_path / "run", "data=index", *settings, "masks=objects", "iterations=8", "data.crop_scale=[0.9,1.0]")
    listed = read(tmp_path / "run/rejected_holes.csv")
    assert {problem.id for problem in listed} == {f"{'train' if n < 8 else 'val'}/{n}.jpg" for n in (0, 3, 6, 9)}
    assert {(problem.what, problem.file) for problem in listed} == {("hole", "")}
    assert all("neither segmentation nor box" in problem.reason for problem in listed)
    assert not (tmp_path / "run/bad_files.csv").exists()
    assert "rejected_holes.csv lists 4 pictures without a usable hole" in caplog.text


@pytest.mark.stranger("B.19")
@pytest.mark.parametrize("lost", ["one file", "the folder"])
def test_what_is_lost_in_mid_epoch_stops_the_run_and_costs_no_step_before(noise, tmp_path, monkeypatch, lost):
    root, kept = tmp_path / "pictures", tmp_path / "kept"
    shutil.copytree(noise, root)
    settings = [f"data.root={root}", "data=folder", "iterations=6", "validate_every=2"]
    train(tmp_path / "whole", *settings)
    ended = InpaintingTask.on_train_batch_end

    def losing(task, *arguments):
        ended(task, *arguments)
        if task.global_step == 4:
            shutil.copytree(root, kept)
            for path in root.glob("*.png"):
                path.write_bytes(path.read_bytes()[:-500])
            if lost == "the folder":
                shutil.rmtree(root)

    with monkeypatch.context() as context:
        context.setattr(InpaintingTask, "on_train_batch_end", losing)
        with pytest.raises(SystemExit, match="1"), reported():
            train(tmp_path / "run", *settings)
    shutil.copytree(kept, root, dirs_exist_ok=True)
    train(tmp_path / "run", *settings, "resume=last")
    assert metrics(tmp_path / "run", "train/loss") == metrics(tmp_path / "whole", "train/loss")
    run, whole = (weights(tmp_path / name)["state_dict"] for name in ("run", "whole"))
    assert all(torch.equal(run[key], whole[key]) for key in whole)
