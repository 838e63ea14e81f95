"""Making an index: everything is counted, nothing is done twice, and interrupted or not it ends on the same bytes."""

import contextlib
import hashlib
import json
import multiprocessing
import os
import re
import shutil
import signal
import time

import numpy as np
import pytest
from PIL import Image, ImageOps

from inlay.data import prepare as module
from inlay.data.datasets import Folder
from inlay.data.index import open_split, read_rows
from inlay.data.prepare import about_file, find_index, prepare, read_refused, refused_file
from inlay.errors import BadFile, InlayError
from tests.kills import Moments, watch

FOLDER = Folder(captions="beside")
BROKEN = ("train/broken.jpg", "val/empty.png")


CHANGES = {
    "early file gone": lambda root: (root / "train/a.jpg").unlink(),
    "late file gone": lambda root: (root / "val/c.jpg").unlink(),
    "early file new": lambda root: shutil.copy(root / "train/b.png", root / "train/0.png"),
    "late file new": lambda root: shutil.copy(root / "train/b.png", root / "val/z.png"),
    "new beside": lambda root: shutil.copy(root / "train/b.png", root / "new.png"),
    "renamed": lambda root: (root / "train/a.jpg").rename(root / "train/renamed.jpg"),
    "early caption edited": lambda root: (root / "train/a.txt").write_text("Another."),
    "early caption new": lambda root: (root / "train/b.txt").write_text("Another."),
    "late caption gone": lambda root: (root / "val/c.txt").unlink(),
    "mended": lambda root: shutil.copy(root / "train/b.png", root / "train/broken.jpg"),
}


def listed(*rows):
    return lambda tree: ({"split": "train"} | row for row in rows)


@pytest.fixture
def root(save, tmp_path):
    (rotated := Image.Exif())[0x0112] = 6
    save("root/train/a.jpg", (40, 50))
    save("root/train/b.png", (30, 35))
    save("root/train/z.webp", (20, 20))
    save("root/val/c.jpg", (24, 60), exif=rotated)
    save("root/beside.png")
    (tmp_path / "root/train/broken.jpg").write_text("not a picture")
    (tmp_path / "root/val/empty.png").touch()
    (tmp_path / "root/train/a.txt").write_text("One.\nTwo.\n")
    (tmp_path / "root/val/c.txt").write_text("Three.\n")
    return tmp_path / "root"


@pytest.fixture
def decoded(monkeypatch):
    """The names of the files that are decoded in this process; it can be told to fail after so many."""

    class Decoded(list):
        left = 10**9

        def __call__(self, path, min_short_side=None):
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            self.append(path.name)
            return read(path, min_short_side)

    read, decoded = module.decode_picture, Decoded()
    monkeypatch.setattr(module, "decode_picture", decoded)
    return decoded


def prepared(root, out, listing=FOLDER, workers=0, **options):
    return prepare(listing, root, out, workers, **options)


@pytest.fixture
def interrupt(root, tmp_path, decoded):

    def interrupt(count):
        decoded.left = count
        with pytest.raises(KeyboardInterrupt):
            prepared(root, tmp_path / "index.jsonl")
        decoded.clear()
        decoded.left = 10**9

    return interrupt


def result(out):
    return out.read_bytes(), refused_file(out).read_bytes()


def rows(out):
    return {row["id"]: row for row in read_rows(out)}


@pytest.mark.stranger("A.10")
@pytest.mark.parametrize("row", [{"image": "../p.png"}, {"image": "/etc/p.png"}, {"image": "a", "mask": "../p.png"}])
@pytest.mark.parametrize("verify", [True, False])
def test_names_outside_the_root_are_refused(root, tmp_path, row, verify):
    with pytest.raises(InlayError, match=r"p\.png lies outside data\.root"):
        prepared(root, tmp_path / "index.jsonl", listed(row | {"id": "a"}), verify=verify)


def test_report_is_a_summary_and_shows_some_of_many(root, tmp_path):
    lines = str(prepared(root, tmp_path / "index.jsonl")).splitlines()
    assert lines[:3] == [
        "7 found: 4 kept, 3 refused",
        "splits: train 3, val 1",
        "captions: 2 pictures with 0, 1 pictures with 1, 1 pictures with 2",
    ]
    told = zip(("beside.png: lies beside", *(f"{name}: not a picture" for name in BROKEN)), lines[3:], strict=True)
    assert all(line.startswith(f"  refused {start}") for start, line in told)
    assert "captions" not in str(prepared(root, tmp_path / "index.jsonl", Folder()))
    (tmp_path / "many").mkdir()
    for number in range(23):
        (tmp_path / f"many/{number}.jpg").touch()
    lines = str(prepared(tmp_path / "many", tmp_path / "index.jsonl", Folder())).splitlines()
    assert lines[:2] == ["23 found: 0 kept, 23 refused", "splits: none"]
    assert (len(lines), lines[-1]) == (2 + 20 + 1, "  and 3 more")


class TestIndex:
    def test_has_sizes_and_checksums_or_goes_without_decoding(self, root, tmp_path, decoded):
        out = tmp_path / "deep/er/index.jsonl"
        prepared(root, out)
        for name, row in rows(out).items():
            with Image.open(root / name) as file:
                assert row["size"] == list(ImageOps.exif_transpose(file).size)
            assert row["sha256"] == hashlib.sha256((root / name).read_bytes()).hexdigest()
        first = rows(out)["train/a.jpg"]
        assert (first["split"], first["captions"]) == ("train", ["One.", "Two."])
        assert rows(out)["val/c.jpg"]["size"] == [24, 60]  # stored 60 wide, and lying on its side
        names = {path.name for path in out.parent.iterdir()}
        assert names == {"index.jsonl", "index.refused.csv", "index.about.json", ".index.jsonl.lock"}
        assert read_refused(tmp_path / "other.jsonl") == []
        refused = [(one.file, one.split) for one in read_refused(out)]
        assert refused == [("beside.png", ""), ("train/broken.jpg", "train"), ("val/empty.png", "val")]
        assert refused_file(out).read_text().splitlines()[0] == "file,reason,split"
        assert json.loads(about_file(out).read_text())["root"] == str(root)
        decoded.clear()
        report = prepared(root, tmp_path / "index.jsonl", verify=False)
        assert decoded == []
        assert (report.found, report.kept) == (7, 6)
        assert set(BROKEN) < set(rows(tmp_path / "index.jsonl"))
        assert not any("size" in row or "sha256" in row for row in read_rows(tmp_path / "index.jsonl"))

    def test_is_the_same_with_any_number_of_workers(self, save, tmp_path):
        for number in range(110):  # so many that workers start
            save(f"root/{number % 3}/{number}.png", (16 + number % 5, 18))
        for number in (5, 40):
            (tmp_path / f"root/0/{number}.jpg").write_text("broken")
        for workers in (0, 2):
            prepared(tmp_path / "root", tmp_path / f"{workers}.jsonl", Folder(), workers)
        assert result(tmp_path / "0.jsonl") == result(tmp_path / "2.jsonl")
        assert len(rows(tmp_path / "2.jsonl")) == 110

    def test_into_a_place_that_cannot_be_written_is_refused(self, root, tmp_path):
        (tmp_path / "file").touch()
        (tmp_path / "folder").mkdir()
        for out in ("file/index.jsonl", "folder"):
            with pytest.raises(InlayError, match=rf"{out}: cannot be written .*Choose another place"):
                prepared(root, tmp_path / out)


def test_broken_objects_leave_the_picture_and_mended_ones_make_the_index_outdated(save, tmp_path):
    for name in ("a.png", "b.png"):
        save(f"root/{name}")
    save("root/a_object.png", np.eye(40, dtype=np.uint8) * 255)
    (tmp_path / "root/b_object.png").write_text("broken")
    rows_of = ({"id": x, "image": f"{x}.png", "mask": f"{x}_object.png", "mask_is": "white"} for x in "ab")
    root, listing = tmp_path / "root", listed(*rows_of)
    for stop in (False, True):
        report = prepared(root, tmp_path / f"{stop}.jsonl", listing, stop_at_bad_file=stop)
        assert (report.found, report.kept) == (2, 2)
        found = rows(tmp_path / f"{stop}.jsonl")
        assert {name: row.get("mask") for name, row in found.items()} == {"a": "a_object.png", "b": None}
        (refused,) = read_refused(tmp_path / f"{stop}.jsonl")
        assert (refused.file, refused.split) == ("b_object.png", "")
        assert re.search(r"^not a picture\..* kept without it", refused.reason)
    find_index(root, listing, None, 0, True, False)
    shutil.copy(root / "a_object.png", root / "b_object.png")
    assert "mask" in rows(find_index(root, listing, None, 0, True, False))["b"]


class TestStop:
    def test_at_the_first_broken_file_is_not_forgotten(self, root, tmp_path, decoded):
        for out in ("index.jsonl", "index.jsonl", "stopped.jsonl"):
            with pytest.raises(BadFile, match="not a picture") as caught:
                prepared(root, tmp_path / out, stop_at_bad_file=True)
            assert caught.value.path == str(root / "train/broken.jpg")
            assert not (tmp_path / out).exists()
        assert decoded.count("a.jpg") == 2  # once for each index

    def test_comes_also_where_someone_went_on_before_and_goes_on_with_what_was_mended(self, root, tmp_path, interrupt):
        interrupt(3)
        for name in BROKEN:
            with pytest.raises(BadFile, match=name):
                prepared(root, tmp_path / "index.jsonl", stop_at_bad_file=True)
            shutil.copy(root / "train/b.png", root / name)
        prepared(root, tmp_path / "index.jsonl", stop_at_bad_file=True)
        prepared(root, tmp_path / "other.jsonl")
        assert result(tmp_path / "index.jsonl") == result(tmp_path / "other.jsonl")


class TestInterrupted:
    """The folder of :func:`root` has six pictures to decode, two of them broken before they can be."""

    def whole(self, root, tmp_path, **options):
        prepared(root, tmp_path / "whole.jsonl", **options)
        return result(tmp_path / "whole.jsonl")

    @pytest.mark.parametrize(
        ("count", "lost"), [(0, 0), (1, 0), (2, 0), *((3, lost) for lost in (0, 1, 2, 50, 150, 400, 700, 10_000))]
    )
    def test_it_goes_on_from_what_reached_the_disk(self, root, tmp_path, interrupt, decoded, count, lost):
        interrupt(count)
        part = tmp_path / ".index.jsonl.part"
        part.write_bytes(part.read_bytes()[: -lost or None])
        prepared(root, tmp_path / "index.jsonl")
        least = 4 - count + bool(lost)
        assert len(decoded) >= least if lost > 300 else len(decoded) == least
        assert decoded == ["a.jpg", "b.png", "z.webp", "c.jpg"][-len(decoded) :]
        assert result(tmp_path / "index.jsonl") == self.whole(root, tmp_path)

    @pytest.mark.parametrize("gone", [[], ["val/c.jpg"], ["val/c.jpg", "val/empty.png", "train/z.webp"]])
    def test_all_but_the_end_needs_no_decoding(self, root, tmp_path, decoded, monkeypatch, gone):
        with monkeypatch.context() as patch:
            patch.setattr(module, "_publish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                prepared(root, tmp_path / "index.jsonl")
        for name in gone:
            (root / name).unlink()
        decoded.clear()
        prepared(root, tmp_path / "index.jsonl")
        assert decoded == []
        assert result(tmp_path / "index.jsonl") == self.whole(root, tmp_path)

    @pytest.mark.parametrize(
        ("change", "other"),
        [*((change, {}) for change in CHANGES), (None, {"listing": Folder()}), (None, {"verify": False})],
    )
    def test_what_changed_is_seen_and_another_task_starts_anew(self, root, tmp_path, interrupt, change, other):
        interrupt(3)
        if change:
            CHANGES[change](root)
        prepared(root, tmp_path / "index.jsonl", **other)
        assert result(tmp_path / "index.jsonl") == self.whole(root, tmp_path, **other)

    @pytest.mark.stranger("B.19")
    def test_killed_at_any_step_it_ends_with_the_same_bytes(self, root, tmp_path):
        whole, out = self.whole(root, tmp_path), tmp_path / "index.jsonl"

        def prepare_and_die(fatal):
            watch(Moments(fatal))
            prepare(FOLDER, root, out, 0)

        for fatal in range(30):
            process = multiprocessing.get_context("fork").Process(target=prepare_and_die, args=(fatal,))
            process.start()
            process.join(60)
            assert not out.exists() or out.read_bytes() == whole[0]
            if process.exitcode == 0:
                break
            assert process.exitcode == -signal.SIGKILL
            if fatal % 2:  # else the next one meets what two have left
                prepared(root, out)
                assert result(out) == whole
        assert fatal > 8
        assert result(out) == whole
        assert {path.name for path in tmp_path.glob(".index.jsonl*")} <= {".index.jsonl.lock"}


class TestFindIndex:
    @pytest.fixture
    def find(self, root):
        def find(listing=FOLDER, given=None, verify=True, stop=False):
            time.sleep(0.02)  # some file systems know the time of a change to some milliseconds only
            return find_index(root, listing, given, 0, verify, stop)

        return find

    def test_is_made_and_announced_and_used_again_without_a_word(self, find, root, tmp_path, decoded, capsys):
        path = find()
        assert path.parent == tmp_path / "cache/indexes"
        assert list(rows(path)) == ["train/a.jpg", "train/b.png", "train/z.webp", "val/c.jpg"]
        printed = capsys.readouterr().out
        assert all(said in printed for said in (f"{root} has no index yet", str(path), "7 found: 4 kept, 3 refused"))
        before = path.stat()
        decoded.clear()
        assert (find(), path.stat(), decoded, capsys.readouterr().out) == (path, before, [], "")

    @pytest.mark.parametrize("change", CHANGES)
    def test_is_made_again_when_something_changed(self, find, root, change, tmp_path):
        path = find()
        before = result(path)
        time.sleep(0.02)
        CHANGES[change](root)
        prepared(root, tmp_path / "whole.jsonl")
        assert find() == path
        assert before != result(path) == result(tmp_path / "whole.jsonl")

    @pytest.mark.stranger("B.14")
    @pytest.mark.parametrize("name", [lambda path: path, about_file])
    @pytest.mark.parametrize("share", [None, 0, 0.5])
    def test_is_made_again_when_the_disk_lost_a_half(self, find, name, share):
        path = find()
        whole, file = result(path), name(path)
        file.unlink() if share is None else os.truncate(file, int(share * file.stat().st_size))
        find()
        assert result(path) == whole

    def test_keeps_other_questions_apart_and_is_the_one_that_is_given(self, find, decoded, tmp_path):
        assert len({find(), find(Folder()), find(verify=False), find(Folder(), verify=False)}) == 4
        assert all("captions" not in row for row in read_rows(find(Folder())))
        decoded.clear()
        given = str(tmp_path / "given.jsonl")
        assert find(given=given) == find(None, given) == tmp_path / "given.jsonl"
        assert decoded == []
        with pytest.raises(InlayError, match=r"data\.index: .*`inlay data prepare`"):
            find(None)

    @pytest.mark.stranger("B.7", "B.8")
    @pytest.mark.parametrize("given", [None, "index.jsonl"])
    def test_of_a_folder_that_is_not_there_says_so_alone(self, tmp_path, capsys, given):
        with pytest.raises(InlayError, match=r"data\.root=.*nowhere: no such folder"):
            find_index(tmp_path / "nowhere", FOLDER, given, 0, True, False)
        assert capsys.readouterr().out == ""

    @pytest.mark.stranger("B.7")
    def test_stops_at_broken_files_if_asked_and_says_how_not_to(self, find, root):
        with pytest.raises(BadFile, match=rf"^{root}/train/broken\.jpg: not a picture.*data\.on_bad_file=skip\.$"):
            find(stop=True)
        path = find()
        with pytest.raises(BadFile, match=rf"^{root}/train/broken\.jpg: not a picture.*\(2 such"):
            find(stop=True)  # at what an earlier run passed over
        for name in BROKEN:
            (root / name).unlink()
        assert find(stop=True) == path
        assert [refused.file for refused in read_refused(path)] == ["beside.png"]  # which stops nobody

    def test_in_a_cache_that_cannot_be_written_gives_the_way_out(self, find, tmp_path, monkeypatch):
        (tmp_path / "file").touch()
        monkeypatch.setenv("INLAY_CACHE", str(tmp_path / "file"))
        with pytest.raises(InlayError, match=r"cannot be written .*Set INLAY_CACHE to another place"):
            find()

    def test_by_two_processes_is_made_by_one(self, root, tmp_path, two_at_once):
        def find(meet, log):
            with log.open("w") as file, contextlib.redirect_stdout(file):
                meet(60)
                print(len(open_split(find_index(root, Folder(), None, 0, True, False), "train")), "rows")

        logs = [tmp_path / "1.log", tmp_path / "2.log"]
        two_at_once(find, *((log,) for log in logs))
        said = [log.read_text() for log in logs]
        assert all("3 rows" in one for one in said)
        assert "".join(said).count("7 found") == 1


@pytest.mark.stranger("17.A.1", "17.A.2", "17.A.4")
def test_everything_in_a_folder_is_kept_or_refused(save, tmp_path):
    black = np.zeros((40, 40, 3), np.uint8)
    save("elsewhere/a.png", black)
    root, pages = tmp_path / "odd", [Image.fromarray(black + shade) for shade in (80, 160)]
    for name, options in (("b.JPG", {}), ("c.jfif", {"format": "JPEG"})):
        save(f"odd/{name}", black + 80, **options)
    for name in ("d.tif", "e.webp", "f.gif"):
        save(f"odd/{name}", black, save_all=True, append_images=pages)
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "g.psd").touch()
    (root / "h").symlink_to("/mnt/unmounted")
    os.mkfifo(root / "i.png")
    prepare(Folder(), root, tmp_path / "index.jsonl", 0)
    assert {row["image"] for row in read_rows(tmp_path / "index.jsonl")} == {"b.JPG", "c.jfif", "linked/a.png"}
    refused = {one.file: (one.reason, bool(one.split)) for one in read_refused(tmp_path / "index.jsonl")}
    assert list(refused) == ["d.tif", "e.webp", "f.gif", "g.psd", "h", "i.png"]
    assert "holds 3 pages" in refused["d.tif"][0]
    assert "an animation of 3 frames" in refused["e.webp"][0]
    assert [lost for _, lost in refused.values()] == [True, True, True, False, False, True]
