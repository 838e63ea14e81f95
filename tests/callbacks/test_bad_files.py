"""Lists of what a run could not use: everything once, however many processes write, and the sums are right."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from inlay.callbacks import BadFiles, bad_files
from inlay.callbacks.bad_files import append, read
from inlay.data.skipped import SkippedSample, SkippedSamples
from inlay.errors import InlayError

BROKEN = SkippedSample("train", "a.jpg", "picture", "/pictures/a.jpg", "cannot be read (why, you ask).\nDamaged.")
MASK = SkippedSample("train", "b.jpg", "mask", "/masks/b.png", "not a picture")
HOLE = SkippedSample("train", "c.jpg", "hole", "", "its object is too small")


class TestLists:
    def test_come_back_as_they_were_written_and_grow_by_what_they_do_not_hold(self, tmp_path):
        path = tmp_path / "deep/list.csv"
        append(path, [])
        assert read(path) == list(tmp_path.iterdir()) == []
        for listed in ([BROKEN], [BROKEN._replace(reason="otherwise"), MASK], [BROKEN, MASK]):
            append(path, listed)
        assert read(path) == [BROKEN, MASK]
        assert path.read_text().startswith("split,id,what,file,reason\n")
        assert path.read_text().count("split,id") == 1

    @pytest.mark.stranger("A.4")
    def test_have_no_formulas(self, tmp_path):
        append(tmp_path / "list.csv", [given := BROKEN._replace(id="=1+1", file="@x")])
        assert "train,'=1+1,picture,'@x," in (tmp_path / "list.csv").read_text()
        assert read(tmp_path / "list.csv") == [given]

    def test_that_are_none_of_ours_are_named(self, tmp_path):
        (tmp_path / "list.csv").write_text("a,b\n1,2\n")
        with pytest.raises(InlayError, match=r"list\.csv: not a list of a run .* Move it away"):
            append(tmp_path / "list.csv", [BROKEN])

    def test_are_whole_when_several_write_at_once(self, tmp_path, monkeypatch):
        def slowly(path):
            found = read(path)
            time.sleep(0.002)  # time enough for another one to write
            return found

        monkeypatch.setattr(bad_files, "read", slowly)
        problems = [BROKEN._replace(id=str(number)) for number in range(40)]
        with ThreadPoolExecutor(8) as pool:
            for problem in problems * 2:
                pool.submit(append, tmp_path / "list.csv", [problem])
        assert sorted(read(tmp_path / "list.csv")) == sorted(problems)


@pytest.fixture
def run(tmp_path, caplog):
    """A training run, acted out: problems, passes over the data, and what is said."""

    class Run:
        def __init__(self):
            self.skipped, self.loader = SkippedSamples(), SimpleNamespace(passes=0, dataset=range(10))
            data = SimpleNamespace(skipped=self.skipped)
            self.trainer = SimpleNamespace(
                datamodule=data, train_dataloader=self.loader, is_global_zero=True, global_step=0
            )
            self.callback = BadFiles(str(tmp_path))

        def start(self, *refused, passes=0):
            self.skipped.add(refused)
            self.callback.on_fit_start(self.trainer, None)
            self.loader.passes = passes
            self.callback.on_train_start(self.trainer, None)

        def batch(self, *met, passes=0):
            self.skipped.add(met)
            self.loader.passes = passes
            self.trainer.global_step += 1
            caplog.clear()
            self.callback.on_train_batch_end(self.trainer, None, None, None, 0)
            return caplog.messages

        def end(self):
            caplog.clear()
            self.callback.on_train_end(self.trainer, None)
            return caplog.messages

    caplog.set_level(logging.INFO)
    return Run()


class TestCallback:
    def test_lists_what_the_index_refused_and_what_is_met_as_it_is_met(self, run, tmp_path):
        listed = [BROKEN]
        run.start(BROKEN)
        assert read(tmp_path / "bad_files.csv") == listed
        run.batch(MASK, HOLE)
        listed.append(MASK)
        assert read(tmp_path / "bad_files.csv") == listed
        assert read(tmp_path / "rejected_holes.csv") == [HOLE]
        run.skipped.add([BROKEN._replace(split="val")])
        run.callback.on_validation_batch_end(run.trainer, None, None, None, 0)
        assert read(tmp_path / "bad_files.csv") == [*listed, BROKEN._replace(split="val")]

    def test_sums_up_after_every_pass_and_at_the_end(self, run, tmp_path):
        run.start()
        assert run.batch(BROKEN, passes=0) == []
        (line,) = run.batch(passes=1)
        assert line.startswith(
            f"after 1 passes: 10 training pictures found = 9 used + 1 listed. {tmp_path}/bad_files.csv lists 1 files: "
            "/pictures/a.jpg (cannot be read (why, you ask)."
        )
        assert run.batch(passes=1) == []
        assert run.batch(passes=3)[0].startswith("after 3 passes: 10 training pictures found = 9 used + 1 listed.")
        assert run.end() == []  # that was just said
        run.batch(passes=3)
        assert run.end()[0].startswith("after 3 passes: 10 training")

    def test_counts_what_the_index_refused_among_what_was_found(self, run):
        refused = [BROKEN._replace(id=str(number), file=str(number)) for number in range(3)]
        run.start(*refused, BROKEN._replace(split="val"))
        assert "13 training pictures found = 10 used + 3 listed" in run.batch(passes=1)[0]
        run.batch(BROKEN)
        assert "13 training pictures found = 9 used + 4 listed" in run.end()[0]

    def test_counts_a_broken_mask_as_a_file_and_not_as_a_picture_and_pictures_without_a_hole(self, run, tmp_path):
        run.start()
        run.batch(MASK, HOLE, HOLE._replace(id="d.jpg"))
        line, holes = run.end()
        assert "10 training pictures found = 10 used + 0 listed" in line
        assert "lists 1 files: /masks/b.png (not a picture)" in line
        assert holes == f"{tmp_path}/rejected_holes.csv lists 2 pictures without a usable hole."

    def test_shows_some_of_many(self, run):
        run.start(*(BROKEN._replace(id=str(n), file=f"/pictures/{n}.jpg", reason="damaged") for n in range(14)))
        (line,) = run.end()
        assert "lists 14 files: /pictures/0.jpg (damaged); /pictures/1.jpg (damaged);" in line
        assert line.endswith("/pictures/9.jpg (damaged) ...")

    def test_says_nothing_where_everything_is_well(self, run, tmp_path):
        run.start()
        assert run.batch(passes=1) == run.end() == []
        assert list(tmp_path.iterdir()) == []

    def test_speaks_in_one_process_and_writes_in_all(self, run, tmp_path):
        run.trainer.is_global_zero = False
        run.start(BROKEN)
        assert run.batch(HOLE, passes=1) == run.end() == []
        assert read(tmp_path / "bad_files.csv") == [BROKEN]
        assert read(tmp_path / "rejected_holes.csv") == [HOLE]

    def test_goes_on_with_the_pass_of_a_resumed_run(self, run, tmp_path):
        append(tmp_path / "bad_files.csv", [BROKEN, MASK])
        run.start(BROKEN, passes=4)
        assert run.batch(MASK, passes=4) == []
        assert run.batch(passes=5)[0].startswith("after 5 passes: 11 training pictures found = 10 used + 1 listed.")
        assert read(tmp_path / "bad_files.csv") == [BROKEN, MASK]
