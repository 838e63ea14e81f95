"""Numbers on disk: in parts, cut off in the middle, from several folders, by several versions of a probe."""

import json
import math
from dataclasses import asdict

import pytest
import torch

from inlay.errors import InlayError
from inlay.evaluation.folder import EvalFolder
from inlay.evaluation.scoring import Probe
from inlay.evaluation.store import SampleRecord, Shard, ShardFile, collect, fillers_begun, joined
from inlay.metrics import MetricSpec
from tests.evaluation import examples

SPEC = asdict(MetricSpec("l1", "lower"))
WHOLE = Shard(1, 1)


def header(filler="telea", probe="l1", **fields):
    return examples.header(filler, probe, **{"specs": [SPEC]} | fields)


def record(picture, l1=0.5, **columns):
    row = {"picture": picture, "hole": "a", "sample": f"{picture}", "l1": l1} | columns
    return SampleRecord(picture=picture, rows=[row], features={}, left_out=[])


def opened(folder, shard=WHOLE, **fields):
    return ShardFile.open(EvalFolder(folder), header(**fields), shard)


def write(folder, numbers, shard=WHOLE, l1=0.5, **fields):
    file = opened(folder, shard, **fields)
    for number in numbers:
        file.add(record(number, l1))
    return file.path


def collected(*folders, **options):
    return collect(map(EvalFolder, folders), **options)


@pytest.mark.parametrize("text", ["", "3", "0/4", "5/4", "1/0", "-1/4", "1/4/4", "a/b", " 1/4", "1/4\n", "1.0/4"])
def test_bad_shards(text):
    with pytest.raises(InlayError, match="shard must be K/N"):
        Shard.read(text)


@pytest.mark.parametrize("parts", [1, 2, 3, 7, 12])
def test_every_picture_is_in_one_shard(parts):
    assert str(Shard.read(f"1/{parts}")) == f"1-of-{parts}"
    shards = [Shard(number, parts).of(10) for number in range(1, parts + 1)]
    assert sorted(number for shard in shards for number in shard) == list(range(10))
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_a_new_file_in_which_there_is_no_nan(tmp_path):
    numbers = {"a": 0.25, "b": math.nan, "c": math.inf, "d": -math.inf}
    metric = lambda _: {name: torch.tensor(number) for name, number in numbers.items()}  # noqa: E731
    metric.specs = ()
    assert Probe(metric, {}).columns(None) == dict.fromkeys("bcd") | {"a": 0.25}
    with pytest.raises(ValueError, match="JSON"):
        opened(tmp_path / "nan").add(record(0, math.nan))
    file = opened(tmp_path, Shard(2, 3), filler="demo/best")
    assert (file.path, file.done) == (tmp_path / "rows/demo__best/l1/2-of-3.jsonl", set())
    assert json.loads(file.path.read_text())["filler"] == "demo/best"
    assert fillers_begun(EvalFolder(tmp_path), [header()]) == {"demo/best"}


def test_the_next_run_goes_on_and_so_does_one_cut_into_other_shards(tmp_path):
    path = write(tmp_path, [0, 2], place=(3, 1), provenance={"git": "x"})
    before = path.read_bytes()
    assert opened(tmp_path, specs=[SPEC | {"about": "Other words."}]).done == {0, 2}
    opened(tmp_path, Shard(1, 2)).add(record(3))
    file = opened(tmp_path)
    assert file.done == {0, 2, 3}
    assert path.read_bytes() == before
    file.add(record(1))
    assert file.done == {0, 1, 2, 3}
    assert collected(tmp_path)["telea"]["l1"].records == [record(number) for number in range(4)]


@pytest.mark.parametrize("left", [1, 20, -1])
def test_a_cut_line_is_done_again_a_cut_header_is_a_new_start_and_a_damaged_line_is_named(tmp_path, left):
    path = write(tmp_path, [0, 1])
    head, first, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(head + first + last[:left])
    file = opened(tmp_path)
    assert (file.done, path.read_bytes()) == ({0}, head + first)
    file.add(record(1))
    assert collected(tmp_path)["telea"]["l1"].records == [record(0), record(1)]
    path.write_bytes(head[:left])
    assert fillers_begun(EvalFolder(tmp_path), [header()]) == set()
    assert (opened(tmp_path).done, path.read_bytes()) == (set(), head)
    path.write_bytes(head + first.replace(b'"picture": 0', b'"picture: 0'))
    with pytest.raises(InlayError, match=r"1-of-1\.jsonl: holds a line that is damaged"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hash": "11"}, "protocol smoke 00, and this is smoke 11"),
        ({"identity": "OpenCV 6"}, "telea with identity release of telea, and this is OpenCV 6"),
        ({"options": "strategy=tile"}, "telea with options strategy=whole, and this is strategy=tile"),
    ],
)
def test_another_evaluation_is_refused(tmp_path, fields, message):
    write(tmp_path, [0], Shard(1, 2))
    with pytest.raises(InlayError, match=rf"1-of-2\.jsonl: holds numbers of {message}.*run_dir"):
        fillers_begun(EvalFolder(tmp_path), [header(**fields)])
    if "hash" in fields:
        with pytest.raises(InlayError, match=r"telea.l1.1-of-2\.jsonl: .*protocol"):
            fillers_begun(EvalFolder(tmp_path), [header("mean", **fields)])
    write(tmp_path, [1], Shard(2, 2), **fields)
    with pytest.raises(InlayError, match=rf"2-of-2\.jsonl: holds numbers of {message}"):
        collected(tmp_path)


@pytest.mark.parametrize(
    "fields",
    [
        {"info": {"version": 2, "settings": {}}},
        {"info": {"version": 1, "settings": {"weights": "sha256 0"}}},
        {"specs": [SPEC | {"weight": "hole_pixels"}]},
    ],
)
def test_another_version_of_a_probe_drops_its_numbers_alone_and_refuses_stale_shards(tmp_path, fields):
    mse = write(tmp_path, [0, 1, 2], probe="mse")
    before = mse.read_bytes()
    write(tmp_path, [0], Shard(1, 2))
    assert opened(tmp_path, shard=Shard(1, 2), **fields).done == set()
    assert opened(tmp_path, probe="mse").done == {0, 1, 2}
    assert mse.read_bytes() == before
    write(tmp_path / "b", [0], Shard(1, 2))
    write(tmp_path / "b", [1], Shard(2, 2), **fields)
    with pytest.raises(InlayError, match=r"2-of-2\.jsonl: was measured by another version"):
        collected(tmp_path / "b")
    assert collected(tmp_path / "b", wanted={"l1": header(**fields)})["telea"]["l1"].records == [record(1)]


def test_everything_is_collected_and_other_numbers_of_a_picture_are_refused(tmp_path):
    write(tmp_path / "a", [2, 0], Shard(1, 2))
    write(tmp_path / "b", [1, 2], Shard(2, 2))
    write(tmp_path / "b", [1], Shard(2, 2), filler="demo/best", place=(1, 0))
    write(tmp_path / "b", [1], probe="a", place=(0, 1))
    found = collected(tmp_path / "a", tmp_path / "b")
    assert {name: list(probes) for name, probes in found.items()} == {"telea": ["l1", "a"], "demo/best": ["l1"]}
    assert [one["picture"] for one in found["telea"]["l1"].records] == [0, 1, 2]
    assert found["telea"]["l1"].complete
    assert not found["demo/best"]["l1"].complete
    assert len(found["telea"]["l1"].headers) == 2
    assert collected() == collected(tmp_path / "nowhere") == {}
    write(tmp_path / "c", [1, 2], l1=0.25)
    with pytest.raises(InlayError, match=r"c/rows/telea/l1/1-of-1\.jsonl: picture 2 was measured before"):
        collected(tmp_path / "a", tmp_path / "c")


def test_a_file_that_is_being_written(tmp_path):
    path = write(tmp_path, [0, 1], Shard(1, 2))
    path.write_bytes(path.read_bytes()[:-1])
    path.with_name("2-of-2.jsonl").write_text(json.dumps(header())[:30])
    (tmp_path / "rows/mean/l1").mkdir(parents=True)
    (tmp_path / "rows/mean/l1/1-of-1.jsonl").touch()
    [(_, probes)] = collected(tmp_path).items()
    assert (probes["l1"].records, len(probes["l1"].headers)) == ([record(0)], 1)


def test_probes_are_joined(tmp_path):
    def both(folder, **columns):
        write(folder, [0])
        opened(folder, probe="mse").add(record(0, **columns))
        return joined("telea", collected(folder)["telea"].values())

    assert both(tmp_path / "a", mse=0.25) == [record(0, mse=0.25)]
    with pytest.raises(InlayError, match="different pixels"):
        both(tmp_path / "b", sample="other")
    with pytest.raises(InlayError, match="numbers called l1"):
        both(tmp_path / "c", l1=0.25)
