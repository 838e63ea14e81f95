"""What was measured, on disk: in parts, cut off in the middle, from several folders."""

import json
import math

import pytest

from inlay.errors import InlayError
from inlay.evaluation.folder import Folder
from inlay.evaluation.store import SampleRecord, Shard, ShardFile, ShardHeader, collect, refuse_other_protocols, stored

METRIC = {"name": "l1", "better": "lower", "column": "", "weight": "", "decibel": False, "about": ""}
WHOLE = Shard(1, 1)


def head(filler="telea", hash="00", pictures=3, **fields):
    protocol = {"name": "smoke", "about": "", "hash": hash, "samples": "", "recipe": {"seed": 0}}
    known = {
        "protocol": protocol,
        "pictures": pictures,
        "filler": filler,
        "identity": "OpenCV 5",
        "place": 0,
        "metrics": [METRIC],
        "features": False,
        "weights": {},
        "metrics_left_out": {},
        "provenance": {},
    }
    return ShardHeader(**known | fields)


def opened(folder, head, shard):
    return ShardFile.open(folder, head, shard, set(shard.of(head["pictures"])))


def line(picture, l1=0.5):
    return SampleRecord(picture=picture, rows=[{"picture": picture, "l1": l1}], features={}, left_out=[])


def write(folder, numbers, shard=WHOLE, l1=0.5, **fields):
    """A file as a run leaves it."""
    rows, _ = opened(Folder(folder), head(**fields), shard)
    for number in numbers:
        rows.add(line(number, l1))
    return rows.path


@pytest.mark.parametrize("text", ["", "3", "0/4", "5/4", "1/0", "-1/4", "1/4/4", "a/b", " 1/4", "1/4\n", "1.0/4"])
def test_a_shard_that_is_none_is_refused(text):
    with pytest.raises(InlayError, match=r"shard must be K/N with 1 <= K <= N, such as 3/16; got"):
        Shard.read(text)


def test_a_shard_is_read_and_named():
    assert Shard.read("3/16") == Shard(3, 16)
    assert str(Shard.read("3/16")) == "3-of-16"


@pytest.mark.parametrize("parts", [1, 2, 3, 7, 12])
def test_every_picture_is_in_exactly_one_shard(parts):
    shards = [Shard(number, parts).of(10) for number in range(1, parts + 1)]
    assert sorted(number for shard in shards for number in shard) == list(range(10))
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_numbers_that_json_lacks_are_null():
    columns = {"a": 0.25, "b": math.nan, "c": math.inf, "d": -math.inf}
    assert stored(columns) == {"a": 0.25, "b": None, "c": None, "d": None}


def test_a_nan_never_gets_into_a_file(tmp_path):
    rows, _ = opened(Folder(tmp_path), head(), WHOLE)
    with pytest.raises(ValueError, match="JSON"):
        rows.add(line(0, math.nan))


def test_a_new_file_trusts_nothing(tmp_path):
    rows, trusted = opened(Folder(tmp_path), head("demo/best"), Shard(2, 3))
    assert rows.path == tmp_path / "rows/demo__best/2-of-3.jsonl"
    assert (rows.done, trusted) == (set(), False)
    assert json.loads(rows.path.read_text()) == head("demo/best")


def test_the_next_run_goes_on(tmp_path):
    path = write(tmp_path, [0, 2])
    before = path.read_bytes()
    rows, trusted = opened(Folder(tmp_path), head(), WHOLE)
    assert (rows.done, trusted) == ({0, 2}, True)
    assert path.read_bytes() == before
    rows.add(line(1))
    assert rows.done == {0, 1, 2}
    assert collect([Folder(tmp_path)])["telea"].lines == [line(0), line(1), line(2)]


@pytest.mark.parametrize("left", [1, 20, -1])
def test_a_line_that_was_cut_off_is_done_again(tmp_path, left):
    path = write(tmp_path, [0, 1])
    *whole, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(whole) + last[:left])
    rows, trusted = opened(Folder(tmp_path), head(), WHOLE)
    assert (rows.done, trusted) == ({0}, True)
    assert path.read_bytes() == b"".join(whole)
    rows.add(line(1))
    assert collect([Folder(tmp_path)])["telea"].lines == [line(0), line(1)]


def test_a_first_line_that_was_cut_off_is_a_new_start(tmp_path):
    path = write(tmp_path, [])
    path.write_bytes(path.read_bytes()[:-1])
    rows, trusted = opened(Folder(tmp_path), head(), WHOLE)
    assert (rows.done, trusted) == (set(), False)
    assert json.loads(path.read_text()) == head()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hash": "11"}, r"holds rows of protocol smoke 00, and this is smoke 11.*another run_dir"),
        ({"identity": "OpenCV 6"}, r"holds rows of telea in its version OpenCV 5, and this is OpenCV 6"),
    ],
)
def test_rows_of_another_evaluation_are_kept_and_refused(tmp_path, fields, message):
    path = write(tmp_path, [0, 1])
    before = path.read_bytes()
    with pytest.raises(InlayError, match=message):
        opened(Folder(tmp_path), head(**fields), WHOLE)
    assert path.read_bytes() == before


OTHER_MEASURES = [
    {"metrics": [METRIC, METRIC | {"name": "mse"}]},
    {"metrics": [METRIC | {"weight": "hole_pixels"}]},
    {"features": True},
    {"weights": {"lpips": "sha256 0"}},
]


@pytest.mark.parametrize("fields", OTHER_MEASURES)
def test_other_measures_start_anew_on_the_same_pictures(tmp_path, fields):
    path = write(tmp_path, [0, 1])
    rows, trusted = opened(Folder(tmp_path), head(**fields), WHOLE)
    assert (rows.done, trusted) == (set(), True)
    assert json.loads(path.read_text()) == head(**fields)


def test_a_run_that_is_cut_into_other_shards_goes_on(tmp_path):
    path = write(tmp_path, [0, 1])
    before = path.read_bytes()
    rows, trusted = opened(Folder(tmp_path), head(), Shard(1, 2))
    assert {0, 1} <= rows.done
    assert trusted
    rows.add(line(2))
    assert path.read_bytes() == before
    assert collect([Folder(tmp_path)])["telea"].lines == [line(0), line(1), line(2)]


def test_rows_of_another_evaluation_in_another_shard_are_refused(tmp_path):
    write(tmp_path, [0], Shard(1, 2))
    with pytest.raises(InlayError, match=r"1-of-2\.jsonl: holds rows of protocol smoke 00, and this is smoke 11"):
        opened(Folder(tmp_path), head(hash="11"), Shard(2, 2))
    assert not (tmp_path / "rows/telea/2-of-2.jsonl").exists()


def test_where_it_ran_and_who_stood_beside_do_not_matter(tmp_path):
    write(tmp_path, [0])
    rows, _ = opened(Folder(tmp_path), head(place=3, provenance={"git": "x"}), WHOLE)
    assert rows.done == {0}


def test_everything_is_collected_by_filler(tmp_path):
    write(tmp_path / "a", [2, 0], Shard(1, 2))
    write(tmp_path / "b", [1], Shard(2, 2))
    write(tmp_path / "b", [1], Shard(2, 2), filler="demo/best")
    found = collect([Folder(tmp_path / "a"), Folder(tmp_path / "b")])
    assert sorted(found) == ["demo/best", "telea"]
    assert [one["picture"] for one in found["telea"].lines] == [0, 1, 2]
    assert found["telea"].complete
    assert not found["demo/best"].complete
    assert {name: len(one.heads) for name, one in found.items()} == {"telea": 2, "demo/best": 1}


def test_nothing_is_collected_from_nothing(tmp_path):
    assert collect([]) == collect([Folder(tmp_path)]) == {}


def test_a_picture_may_be_measured_twice(tmp_path):
    write(tmp_path / "a", [0, 1])
    write(tmp_path / "b", [1, 2])
    found = collect([Folder(tmp_path / "a"), Folder(tmp_path / "b")])["telea"]
    assert [one["picture"] for one in found.lines] == [0, 1, 2]


def test_twice_with_other_numbers_is_refused(tmp_path):
    write(tmp_path / "a", [0, 1])
    write(tmp_path / "b", [1, 2], l1=0.25)
    with pytest.raises(InlayError, match=r"b/rows/telea/1-of-1\.jsonl: picture 1 was measured before, with other"):
        collect([Folder(tmp_path / "a"), Folder(tmp_path / "b")])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hash": "11"}, "protocol smoke 00, and this is smoke 11"),
        ({"identity": "OpenCV 6"}, "telea in its version OpenCV 5, and this is OpenCV 6"),
    ],
)
def test_shards_of_different_evaluations_are_refused(tmp_path, fields, message):
    write(tmp_path / "a", [0], Shard(1, 2))
    write(tmp_path / "b", [1], Shard(2, 2), **fields)
    with pytest.raises(InlayError, match=rf"2-of-2\.jsonl: holds rows of .*{message}"):
        collect([Folder(tmp_path / "a"), Folder(tmp_path / "b")])


@pytest.mark.parametrize("fields", OTHER_MEASURES)
def test_shards_with_different_measures_are_refused(tmp_path, fields):
    write(tmp_path, [0], Shard(1, 2))
    write(tmp_path, [1], Shard(2, 2), **fields)
    with pytest.raises(InlayError, match=r"2-of-2\.jsonl: was measured by other metrics or weights than 1-of-2\.jsonl"):
        collect([Folder(tmp_path)])


def test_fillers_may_differ_in_version_and_metrics(tmp_path):
    write(tmp_path, [0])
    write(tmp_path, [0], filler="mean", identity="Inlay", metrics=[], features=True)
    assert sorted(collect([Folder(tmp_path)])) == ["mean", "telea"]


def test_a_file_that_another_process_is_about_to_write_is_passed_over(tmp_path):
    write(tmp_path, [0], Shard(1, 2))
    path = tmp_path / "rows/telea/2-of-2.jsonl"
    path.write_text(json.dumps(head())[:30])
    (tmp_path / "rows/mean").mkdir()
    (tmp_path / "rows/mean/1-of-1.jsonl").touch()
    found = collect([Folder(tmp_path)])
    assert list(found) == ["telea"]
    assert len(found["telea"].heads) == 1


def test_a_line_that_is_being_written_is_passed_over(tmp_path):
    path = write(tmp_path, [0, 1, 2])
    path.write_bytes(path.read_bytes()[:-1])
    found = collect([Folder(tmp_path)])["telea"]
    assert [one["picture"] for one in found.lines] == [0, 1]
    assert not found.complete


def test_what_was_measured_with_more_is_kept(tmp_path):
    """The same command without weights that were given before."""
    path = write(tmp_path, [0, 1, 2], weights={"lpips": "sha256 0"}, metrics=[METRIC, METRIC | {"name": "lpips"}])
    before = path.read_bytes()
    rows, _ = opened(Folder(tmp_path), head(), WHOLE)
    assert rows.done == {0, 1, 2}
    assert path.read_bytes() == before


def test_what_was_begun_with_more_is_not_gone_on_with(tmp_path):
    write(tmp_path, [0, 1], weights={"lpips": "sha256 0"})
    with pytest.raises(InlayError, match="begun with more metrics or weights"):
        opened(Folder(tmp_path), head(), WHOLE)


def test_a_damaged_line_is_named(tmp_path):
    path = write(tmp_path, [0, 1])
    path.write_bytes(path.read_bytes().replace(b'"picture": 0', b'"picture: 0'))
    with pytest.raises(InlayError, match=r"1-of-1\.jsonl: holds a line that is damaged"):
        opened(Folder(tmp_path), head(), WHOLE)


def test_a_folder_takes_one_protocol(tmp_path):
    write(tmp_path, [0], filler="mean")
    refuse_other_protocols(Folder(tmp_path), head()["protocol"])
    with pytest.raises(InlayError, match=r"mean.1-of-1\.jsonl: holds rows of protocol smoke 00, and this is smoke 11"):
        refuse_other_protocols(Folder(tmp_path), head(hash="11")["protocol"])
