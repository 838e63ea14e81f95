import errno
import os
import re
from pathlib import Path
from unittest.mock import Mock, patch

import numpy as np
import pytest
import torch

from inlay.errors import InlayError
from inlay.files import held
from inlay.images import Picture, read_picture, write_picture
from inlay.masks import Center, Strokes
from inlay.pipeline import FeatherComposer, FillOptions, GeneratedRegion, inpainter
from inlay.prediction import batch
from tests.full_disk import full_after
from tests.pictures import half, picture, write_mask
from tests.pipeline.fillers import Painter
from tests.prediction.filling import fill, report

NAMES = ["a.png", "b.png", "deep/c.png", "d.png", "e.png"]
JOURNAL = Path("out/report.jsonl")


@pytest.fixture
def painter(monkeypatch):
    filler = Painter((1, 1, 1))
    monkeypatch.setattr(inpainter, "load_filler", lambda *_: filler)
    return filler


@pytest.fixture(autouse=True)
def _pictures(tmp_path, monkeypatch, painter):
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(NAMES):
        write_picture(Path("photos") / name, picture(seed=number))
    write_mask(Path("mask.png"), half(20, 30))


def stamps():
    return {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.png")}


def filled_right(name):
    given, filled = read_picture(Path("photos") / name).pixels, read_picture(Path("out") / name).pixels
    return np.array_equal(filled, np.where(half(20, 30)[..., None], 255, given))


@pytest.mark.parametrize(("most", "pixels"), [(2, batch._PIXELS), (5, 20 * 30 * 2)], ids=["a batch", "the memory"])
def test_fills_as_many_together_as_fit_and_reports_it(painter, monkeypatch, most, pixels):
    monkeypatch.setattr(batch, "_PIXELS", pixels)
    fill(options=FillOptions(batch=most))
    assert all(filled_right(name) for name in NAMES)
    assert ([shape[0] for shape in painter.shapes], report()["count"]) == ([2, 2, 1], {"filled": 5})
    assert report()["settings"]["version"] == "a test's"
    first = report()["pictures"][0]
    assert (first["image"], first["mask"], first["outputs"]) == ("photos/a.png", "mask.png", ["out/a.png"])
    assert (first["strategy"], first["windows"], first["hole_ratio"]) == ("whole", 1, 0.5)
    assert first["seconds"] > 0


def test_again_does_nothing_and_then_what_is_missing(painter, caplog):
    fill()
    before, told = stamps(), Path("out/report.json").read_text()
    painter.images.clear()
    caplog.set_level("INFO")
    assert (fill(), stamps(), painter.images) == ([Path("out/report.json")], before, [])
    assert Path("out/report.json").read_text() == told
    assert "all 5 pictures were filled before" in caplog.text
    Path("out/b.png").unlink()
    fill()
    assert [shape[0] for shape in painter.shapes] == [1]
    assert filled_right("b.png")
    assert stamps().items() - before.items() == {(Path("out/b.png"), stamps()[Path("out/b.png")])}
    assert report()["count"] == {"filled": 5}


class TestKilled:
    def test_between_two_pictures_keeps_the_first(self, painter):
        paint = Mock(side_effect=[painter.color.expand(1, -1, 20, 30)] * 2 + [KeyboardInterrupt])  # in the third group
        with patch.object(painter, "paint", paint), pytest.raises(KeyboardInterrupt):
            fill(options=FillOptions(batch=1))
        assert 1 <= report()["count"]["filled"] <= 2
        fill(options=FillOptions(batch=1))
        assert all(filled_right(name) for name in NAMES)
        assert sum(report()["count"].values()) == 5

    @pytest.mark.stranger("B.17")
    @pytest.mark.parametrize(
        ("left", "again"),
        [
            (lambda whole: whole[:-1], 0),
            (lambda whole: whole[:-40], 1),  # that line alone is lost
            (lambda whole: "\n".join(line for line in whole.split("\n") if '"filled"' not in line), 5),
            *((left, 5) for left in ("", '{"set', '{"settings": {"version": "a te')),  # a full disk, before a picture
        ],
        ids=["no end", "half a line", "not noted", "empty", "half a word", "half of the first line"],
    )
    def test_while_the_journal_was_written_does_again_what_is_not_noted(self, painter, left, again):
        if isinstance(left, str):
            Path("out").mkdir()
            JOURNAL.write_text(left)
        else:
            fill()
            JOURNAL.write_text(left(JOURNAL.read_text()))
        painter.images.clear()
        fill()
        assert (sum(map(len, painter.images)), report()["count"]) == (again, {"filled": 5})
        assert all(filled_right(name) for name in NAMES)
        fill()
        assert report()["count"] == {"filled": 5}

    def test_by_a_full_disk_stops_and_says_so(self, monkeypatch):
        full = InlayError("cannot be written (No space left on device)")
        full.__cause__ = OSError(errno.ENOSPC, "No space left on device")
        monkeypatch.setattr("inlay.prediction.reading.write_pages", Mock(side_effect=full))
        with pytest.raises(InlayError, match="No space left"):
            fill(options=FillOptions(batch=1))
        assert stamps() == {}
        assert report()["count"]["failed"] < 5


class TestChanged:
    """What the answers were made of is compared, not its age."""

    def filled_again(self, painter, **options):
        painter.images.clear()
        fill(**options)
        return sum(map(len, painter.images))

    def test_masks_and_pictures_are_noticed_even_older_ones(self, painter):
        os.utime("photos/a.png", (2**33, 2**33))  # of the future: not filled again for ever
        fill()
        write_picture("photos/b.png", picture(seed=77))
        os.utime("photos/b.png", (1, 1))
        assert self.filled_again(painter) == 1
        assert filled_right("b.png")
        write_mask(Path("other.png"), ~half(20, 30))
        os.utime("other.png", (1, 1))
        assert self.filled_again(painter, mask="other.png") == 5
        assert self.filled_again(painter, mask="other.png") == 0

    def test_captions_are_noticed_and_spelling_is_not(self, painter):
        Path("photos/a.txt").write_text("a red bird")
        fill(captions=True, seed=4)
        assert (painter.texts[0][0], report()["pictures"][0]["text"]) == ("a red bird", "a red bird")
        assert len(report()["without_text"]) == 4
        Path("photos/a.txt").write_text("a blue bird")
        assert self.filled_again(painter, captions=True, seed=4) == 1
        elsewhere = {"image": [str(Path("photos").resolve())], "model": "elsewhere/net.ckpt"}
        assert self.filled_again(painter, captions=True, seed=4, **elsewhere) == 0
        assert self.filled_again(painter, output=Path("more"), text="") == 5
        assert self.filled_again(painter, output=Path("more")) == 0


class TestBroken:
    def test_pictures_are_reported_the_others_filled_and_they_are_tried_again(self):
        whole = Path("photos/b.png").read_bytes()
        Path("photos/b.png").write_bytes(b"no picture")
        with pytest.raises(InlayError, match=r"1 of 5 pictures .*: photos/b\.png: not a picture"):
            fill()
        assert all(filled_right(name) for name in NAMES if name != "b.png")
        assert report()["count"] == {"failed": 1, "filled": 4}
        assert "not a picture" in report()["pictures"][1]["error"]
        Path("photos/b.png").write_bytes(whole)
        fill()
        assert report()["count"] == {"filled": 5}

    def test_answers_spoil_no_neighbor(self, painter, monkeypatch):
        """A group in which one answer is not finite is asked again one by one."""
        bad = read_picture("photos/d.png").rgb()[5, 25, 0]

        def paint(image, mask):
            return torch.ones_like(image).masked_fill((image[:, 0, 5, 25] == bad).view(-1, 1, 1, 1), float("nan"))

        monkeypatch.setattr(painter, "paint", paint)
        with pytest.raises(InlayError, match=r"1 of 5 pictures .* not finite"):
            fill()
        assert report()["count"] == {"failed": 1, "filled": 4}
        assert not Path("out/d.png").exists()


def test_masks_are_of_their_picture_and_what_has_no_partner_is_listed(caplog):
    for name in ("a.png", "b.png", "x.png"):
        write_mask(Path("masks") / name, half(20, 30) & (name != "b.png"))
    with pytest.raises(InlayError, match=r"1 of 2 .* masks/b\.png: no hole"):
        fill(mask="masks")
    told = report()
    assert (told["count"], told["without_picture"]) == ({"filled": 1, "failed": 1}, ["masks/x.png"])
    assert told["without_mask"] == ["photos/d.png", "photos/deep/c.png", "photos/e.png"]
    assert "3 pictures have no mask; photos/d.png for instance" in caplog.text
    assert "1 masks have no picture; masks/x.png for instance" in caplog.text


def test_what_is_transparent_is_filled_and_elsewhere_a_mask_is_wanted():
    with pytest.raises(InlayError, match=r"no mask .* transparent"):
        fill(mask=None)
    pixels = picture("RGBA").pixels
    pixels[..., 3] = np.where(half(20, 30), 0, 255)
    write_picture("clear/a.png", Picture(pixels))
    fill(image=["clear"], mask=None, output=Path("filled"))
    filled = read_picture("filled/a.png").pixels
    assert np.array_equal(filled, np.where(half(20, 30)[..., None], 255, pixels))


@pytest.mark.parametrize(
    "changed",
    [
        {"options": FillOptions(composer=FeatherComposer())},
        {"text": "a bird"},
        {"format": "webp"},
        {"region": GeneratedRegion(Center()), "mask": None},
        {"image": ["others"]},  # other pictures of these names
    ],
    ids=" ".join,
)
def test_other_settings_and_other_pictures_want_another_folder(changed):
    fill()
    before = stamps()
    write_picture("others/a.png", picture(seed=9))
    other = r"out/a\.png was made of .*photos/a\.png, not" if "image" in changed else "out: holds .* other settings"
    with pytest.raises(InlayError, match=other):
        fill(**changed)
    assert stamps() == before


def torchrun(monkeypatch, size=None, rank=None):
    for name, value in {"WORLD_SIZE": size, "RANK": rank}.items():
        if value:
            monkeypatch.setenv(name, value)


@pytest.mark.parametrize("processes", [[()], [("2", "0"), ("2", "1")]], ids=["alone", "two processes"])
def test_files_of_others_are_left_alone(monkeypatch, processes):
    write_picture("out/b.png", picture(seed=99))
    for process in processes:
        torchrun(monkeypatch, *process)
        with pytest.raises(InlayError, match=re.escape("out/b.png is there already")):
            fill()
    assert np.array_equal(read_picture("out/b.png").pixels, picture(seed=99).pixels)


@pytest.mark.stranger("B.16", "B.17")
@pytest.mark.parametrize("room", [0, 100, 500, 1500])
def test_a_disk_that_was_full_is_gone_on_with(room):
    """No picture that was cut short, a message that says what helps; with room, all is as if nothing had been."""
    fill(output=Path("undisturbed"), options=FillOptions(batch=1))
    with full_after(room), pytest.raises(InlayError, match="Make room there, and start it again"):
        fill(options=FillOptions(batch=1))
    assert all(filled_right(path.relative_to("out")) for path in stamps())
    fill(options=FillOptions(batch=1))
    for name in NAMES:
        assert Path("out", name).read_bytes() == Path("undisturbed", name).read_bytes()


@pytest.mark.stranger("A.5", "B.15", "B.19")
def test_a_second_run_into_the_folder_is_refused_and_what_a_killed_one_left_is_swept(painter):
    with held("out", "inlay predict"), pytest.raises(InlayError, match=rf"out: in use by process {os.getpid()} on "):
        fill()
    assert not painter.images
    Path("out/deep").mkdir()
    for folder in ("out", "out/deep"):
        Path(folder, ".inlay-01234567-0123456789abcdef.part").touch()
    fill()
    assert report()["count"] == {"filled": 5}
    assert not [*Path("out").rglob("*.part")]


def test_a_journal_that_is_none_and_a_folder_that_cannot_be_made_are_named():
    Path("out").mkdir()
    JOURNAL.write_text("[]\n")
    for output, says in (("out", "not a journal"), ("mask.png/x", "cannot be"), ("/proc/none", "cannot be")):
        with pytest.raises(InlayError, match=rf"{output}.*: {says}"):
            fill(output=Path(output))


def test_names_may_be_no_text_and_a_place_that_takes_nothing_stops_no_other_picture():
    name = os.fsdecode(b"photos/caf\xe9.png")
    Path("photos/a.png").rename(name)
    Path("out").mkdir()
    Path("out/deep").touch()  # where a folder should be
    with pytest.raises(InlayError, match=r"1 of 5 pictures could not be filled: .*deep/c\.png"):
        fill(options=FillOptions(batch=1))
    assert report()["count"] == {"filled": 4, "failed": 1}
    assert name in [entry["image"] for entry in report()["pictures"]]


def test_a_drawn_hole_of_each_is_its_own_and_stays(painter):
    asked = {"mask": None, "region": GeneratedRegion(Strokes(ratio=(0.2, 0.4))), "seed": 3}
    fill(**asked)
    first = {name: read_picture(Path("out") / name).pixels for name in NAMES}
    holes = [(pixels == 255).all(2) for pixels in first.values()]
    assert all(not np.array_equal(holes[0], hole) for hole in holes[1:])
    assert report()["pictures"][0]["hole_ratio"] == round(holes[0].mean(), 6)
    write_picture("photos/0.png", picture(seed=9))
    fill(**asked, output=Path("more"))
    assert all(np.array_equal(read_picture(Path("more") / name).pixels, pixels) for name, pixels in first.items())


def test_references_reach_their_pictures_and_are_noticed(painter):
    for number, name in enumerate(sorted(NAMES)):
        write_picture(Path("looks") / name, picture("L", seed=number))
    asked = {"reference": "looks", "options": FillOptions(batch=1)}
    fill(**asked)
    shown = [reference[0].permute(1, 2, 0).numpy() for reference in painter.references]
    assert all(np.array_equal(each, picture("L", seed=number).rgb()) for number, each in enumerate(shown))
    write_picture("looks/b.png", picture("L", seed=77))
    fill(**asked)
    assert len(painter.references) == 6


def test_samples_and_sheets_of_each_and_a_warning_of_jpeg(painter, caplog):
    write_picture("photos/a.jpg", picture())
    fill(samples=2, compare=True, image=["photos/a.jpg"])
    names = sorted(path.name for path in Path("out").glob("a*"))
    assert (names, painter.seeds) == (["a_1.jpg", "a_2.jpg", "a_compare.png"], [[0, 1]])
    assert "2 pictures are JPEG, which changes every pixel a little; --format png keeps known ones" in caplog.text


@pytest.mark.stranger("A.5")
def test_processes_share_the_pictures_each_once_and_a_rank_alone_means_nothing(monkeypatch):
    for rank, done in ((1, 2), (0, 5)):
        torchrun(monkeypatch, "2", f"{rank}")
        with held("out", "inlay predict", part=f"{2 - rank}-of-2"):  # the share of the other one
            fill()
        with held("out", "inlay predict", part=f"{rank + 1}-of-2"), pytest.raises(InlayError, match="in use by"):
            fill()
        assert len(stamps()) == len(report()["pictures"]) == done
    monkeypatch.delenv("WORLD_SIZE")
    fill()


@pytest.mark.parametrize(("size", "rank"), [("2", None), ("2", "2"), ("x", "0")])
def test_processes_that_cannot_be_counted_are_refused(monkeypatch, size, rank):
    torchrun(monkeypatch, size, rank)
    with pytest.raises(InlayError, match="torchrun"):
        fill()


def test_a_broken_picture_ends_no_other_process(monkeypatch, caplog):
    Path("photos/a.png").write_bytes(b"no picture")
    torchrun(monkeypatch, "2", "0")
    fill()
    assert "1 of 3 pictures could not be filled" in caplog.text
    assert report()["count"] == {"failed": 1, "filled": 2}
