"""The whole way from pictures to results: exact, resumable, the same in parts."""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

from inlay.errors import InlayError
from inlay.evaluation.folder import EvalFolder
from inlay.evaluation.store import ShardFile
from inlay.fillers import MeanFill, Telea
from inlay.images import Picture, read_image, read_mask, write_picture
from inlay.metrics import BoundaryError, FillResult, PixelErrors, measure
from tests.conftest import ROOT
from tests.evaluation.evaluating import TINY, configure, entry, evaluate, evaluate_without_curves, results
from tests.kills import dying
from tests.processes import GROUP, run

NUMBERS = ("results.json", "results.parquet", "table.md", "table.tex")
PUBLISHED = (*NUMBERS, "report.html")


@pytest.fixture(scope="module")
def whole(noise, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    evaluate(folder, f"data.root={noise}")
    return folder


@pytest.fixture(scope="module")
def moments(noise, tmp_path_factory):
    folder = tmp_path_factory.mktemp("moments")
    given = evaluate_without_curves, folder / "out", f"data.root={noise}"
    assert run(folder / "log", dying, folder / "moments", None, *given) == 0
    return (folder / "moments").read_text().splitlines()


def files(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (".publish.lock", "report.html")
    }


def counted(monkeypatch, owner, method="fill"):
    """How often a method of a class is called from now on, as a growing list."""
    calls, known = [], getattr(owner, method)
    monkeypatch.setattr(owner, method, lambda self, *args, **told: (calls.append(1), known(self, *args, **told))[1])
    return calls


def test_everything_is_written_and_psnr_equals_scikit_image_on_the_pictures(whole):
    assert all((whole / name).stat().st_size > 0 for name in PUBLISHED)
    found, folder = results(whole), EvalFolder(whole)
    assert 2 * found["buckets"]["all"] == sum(found["buckets"].values()) == 2 * 3 * found["pictures"] == 30
    assert sorted(found["metrics_left_out"]) == ["clip_score", "inception", "lpips", "ms_ssim", "ms_ssim_hole"]
    rows, squared = pq.read_table(whole / "results.parquet").to_pylist(), {"mean": [], "telea": []}
    assert list(found["fillers"]) == list(squared)
    for row in rows:
        original = read_image(folder.original(row["picture"]))
        filled = read_image(folder.filled(row["filler"], row["picture"], row["hole"]))
        hole = read_mask(folder.mask(row["picture"], row["hole"]))
        assert row["psnr"] == pytest.approx(peak_signal_noise_ratio(original, filled), abs=1e-6)
        assert row["psnr_hole"] == pytest.approx(peak_signal_noise_ratio(original[hole], filled[hole]), abs=1e-6)
        assert (original[~hole] == filled[~hole]).all()
        squared[row["filler"]].append(mean_squared_error(original / 255, filled / 255))
    for filler, errors in squared.items():
        assert len(errors) == 15
        pooled = found["values"][filler]["all"]["psnr"]["value"]
        assert pooled == pytest.approx(-10 * np.log10(np.mean(errors)), abs=1e-6)


def test_shards_merge_to_the_same_bytes_and_missing_ones_and_different_tests_are_refused(
    whole, noise, tmp_path, inlay_
):
    one, half, two, other, out = (tmp_path / name for name in ("1", "half", "2", "other", "merged"))
    assert evaluate(one, f"data.root={noise}", "shard=1/2") is None
    code, _, said = inlay_("merge", one)
    assert (code, "2 of 5 pictures are not measured yet" in said) == (1, True)
    evaluate(other, f"data.root={noise}", "protocol.seed=1", "fillers=[navier_stokes]")
    code, _, said = inlay_("merge", whole, other, "--out", out)
    assert (code, "different protocols" in said, out.exists()) == (1, True, False)
    assert "2 different tests" in inlay_("compare", whole, other)[1]
    cut = shutil.copytree(one, half) / "rows/mean/pixel_errors/1-of-2.jsonl"
    cut.write_text("".join(cut.read_text().splitlines(keepends=True)[:2]))  # as if killed, and done again elsewhere
    assert evaluate(two, f"data.root={noise}", "shard=2/2") is None
    code, said, _ = inlay_("merge", half, one, two, "--out", out)
    assert (code, str(out / "results.json") in said) == (0, True)
    assert all((out / name).read_bytes() == (whole / name).read_bytes() for name in NUMBERS)
    source, target = (folder / "rows/mean/pixel_errors/2-of-2.jsonl" for folder in (two, out))
    assert target.read_bytes() == source.read_bytes()
    assert not target.samefile(source), "whoever goes on in one folder would write into the other"


def test_the_last_shard_writes_the_results_workers_change_nothing_and_processes_of_torchrun_share_out(
    whole, noise, tmp_path, monkeypatch
):
    assert evaluate(tmp_path / "shards", f"data.root={noise}", "shard=2/2") is None
    assert evaluate(tmp_path / "shards", f"data.root={noise}", "shard=1/2", "data.num_workers=2") == results(whole)
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, known in (("0", None), ("1", results(whole))):
        monkeypatch.setenv("RANK", rank)
        assert evaluate(tmp_path / "processes", f"data.root={noise}") == known


@pytest.mark.parametrize(("there", "asked"), [("mean,telea", "mean,telea"), ("mean", "mean,telea"), ("telea", "mean")])
def test_what_is_there_is_shown_and_not_filled_again(there, asked, whole, noise, tmp_path, monkeypatch):
    evaluate(tmp_path, f"data.root={noise}", f"fillers=[{there}]")
    calls = [counted(monkeypatch, owner) for owner, name in ((MeanFill, "mean"), (Telea, "telea")) if name in there]
    found = evaluate(tmp_path, f"data.root={noise}", f"fillers=[{asked}]")
    assert (found, list(found["fillers"]), any(calls)) == (results(whole), ["mean", "telea"], False)


def test_a_killed_one_goes_on_behind_its_last_whole_line(whole, noise, tmp_path, monkeypatch):
    evaluate(tmp_path, f"data.root={noise}")
    for number, rows in enumerate(sorted(tmp_path.glob("rows/telea/*/1-of-1.jsonl"))):
        lines = rows.read_bytes().splitlines(keepends=True)
        rows.write_bytes(b"".join(lines[:3]) + (b"" if number else lines[3][:50]))  # two of five, and a third cut off
    for name in PUBLISHED:
        (tmp_path / name).unlink()
    for picture in tmp_path.glob("pictures/filled/telea/00000[34]*"):
        picture.unlink()
    telea, mean = counted(monkeypatch, Telea), counted(monkeypatch, MeanFill)
    assert evaluate(tmp_path, f"data.root={noise}") == results(whole)
    assert (len(telea), len(mean)) == (6, 0)  # of the third picture all three answers were there


def test_another_probe_and_another_version_of_one_are_measured_alone(whole, noise, tmp_path, monkeypatch):
    evaluate(tmp_path, f"data.root={noise}", "~probe.boundary_error")
    before, known = {path: path.read_bytes() for path in tmp_path.glob("rows/*/*/*.jsonl")}, results(whole)
    measures = [counted(monkeypatch, metric, "__call__") for metric in (PixelErrors, BoundaryError)]
    counts = [counted(monkeypatch, Telea), *measures]
    found = evaluate(tmp_path, f"data.root={noise}")
    assert [len(calls) for calls in counts] == [0, 0, 2 * 3 * 5]  # two fillers, three holes, five pictures
    assert {path: path.read_bytes() for path in before} == before
    assert (found["values"], found["protocol"]) == (known["values"], known["protocol"])
    monkeypatch.setattr(BoundaryError, "version", 2)
    found = evaluate(tmp_path, f"data.root={noise}")
    assert [len(calls) for calls in counts] == [0, 0, 2 * 30]
    assert found["probes"]["boundary_error"]["version"] == 2
    assert found["probes"] | {"boundary_error": None} == known["probes"] | {"boundary_error": None}
    assert found["values"] == known["values"]


def test_a_probe_of_a_stranger_without_truth(noise, tmp_path, monkeypatch):
    """One file of Python, one of yaml, and a test in which nobody knows what was under the holes."""
    (tmp_path / "strangers_probe.py").write_text(PROBE)
    (tmp_path / "conf/probe").mkdir(parents=True)
    (tmp_path / "conf/probe/brightness.yaml").write_text("brightness: {_target_: strangers_probe.Brightness}")
    monkeypatch.syspath_prepend(tmp_path)
    searchpath = f"hydra.searchpath=[file://{tmp_path / 'conf'}]"
    settings = searchpath, "probe=[default,brightness]", "protocol.truth=false"
    found = evaluate(tmp_path / "out", f"data.root={noise}", *settings)
    assert set(found["metrics"]) == {"tv", "tv_hole", "brightness"}
    assert "true picture" in found["metrics_left_out"]["pixel_errors"]
    row = pq.read_table(tmp_path / "out/results.parquet").to_pylist()[0]
    folder = EvalFolder(tmp_path / "out")
    filled, mask = folder.filled("mean", 0, row["hole"]), folder.mask(0, row["hole"])
    assert row["brightness"] == pytest.approx(read_image(filled)[read_mask(mask)].mean() / 255)
    assert row["options"].startswith("strategy=whole")
    result = FillResult(torch.full((2, 3, 4, 4), 0.25), torch.ones(2, 1, 4, 4))
    assert measure(sys.modules["strangers_probe"].Brightness(), result) == {"brightness": 0.25}


PROBE = """
from inlay.metrics import Metric, MetricSpec

class Brightness(Metric):
    needs_truth = False
    specs = [MetricSpec("brightness", "neither")]

    def __call__(self, result):
        mask = result.mask
        return {"brightness": (result.filled * mask).sum((1, 2, 3)) / (3 * mask.sum((1, 2, 3)))}
"""


def test_strategy_and_composer_stand_beside_the_numbers(noise, tmp_path, monkeypatch):
    settings = f"data.root={noise}", "fillers=mean", "protocol.pictures=1"
    options = "strategy=tile, composer=FeatherComposer(dilate=0, feather=2)"
    found = evaluate(tmp_path, *settings, "strategy=tile", "composer=feather", "composer.feather=2")
    assert found["options"] == {"mean": options}
    assert {row["options"] for row in pq.read_table(tmp_path / "results.parquet").to_pylist()} == {options}
    folder = EvalFolder(tmp_path)
    changed = read_image(folder.original(0)) != read_image(folder.filled("mean", 0, "center"))
    assert changed[~read_mask(folder.mask(0, "center"))].any()
    calls = counted(monkeypatch, MeanFill)
    monkeypatch.setattr(PixelErrors, "version", 2)
    evaluate(tmp_path, *settings, "strategy=tile", "composer=feather", "composer.feather=2")
    assert calls == []
    with pytest.raises(InlayError, match=r"mean with options strategy=tile.*another run_dir"):
        evaluate(tmp_path, *settings)


def test_fillers_are_configurations_and_another_version_of_one_is_refused(noise, tmp_path, monkeypatch):
    (tmp_path / "broad.yaml").write_text("_target_: inlay.fillers.Telea\nradius: 9\n")
    fillers = f"fillers=[telea,{{_target_:inlay.fillers.Telea,radius:6}},{tmp_path / 'broad.yaml'}]"
    given = tmp_path / "out", f"data.root={noise}", fillers, "protocol.pictures=2", "probe=pixel_errors"
    found = evaluate(*given)
    assert list(found["fillers"])[:2] == ["telea", "Telea(radius=6)"]
    assert len({found["values"][name]["all"]["l1"]["value"] for name in found["fillers"]}) == 3
    assert len(set(found["fillers"].values())) == 3
    monkeypatch.setattr("cv2.__version__", "another release")
    with pytest.raises(InlayError, match=r"[tT]elea.* with identity OpenCV .*another release.*another run_dir"):
        evaluate(*given)


def test_an_answer_to_another_picture_is_not_trusted_and_changed_files_are_noticed(whole, noise, tmp_path, monkeypatch):
    """The dataset's files changed under their names, and the rows are to be measured anew."""
    evaluate(tmp_path, f"data.root={noise}")
    for rows in tmp_path.glob("rows/telea/*/1-of-1.jsonl"):
        rows.write_text(rows.read_text().splitlines()[0] + "\n")
    answer = EvalFolder(tmp_path).filled("telea", 0, "small")
    pixels = read_image(answer).copy()
    pixels[~read_mask(EvalFolder(tmp_path).mask(0, "small"))] ^= 1
    write_picture(answer, Picture(pixels))
    calls = counted(monkeypatch, Telea)
    assert evaluate(tmp_path, f"data.root={noise}") == results(whole)
    assert len(calls) == 1
    path = tmp_path / "rows/mean/pixel_errors/1-of-1.jsonl"
    path.write_text(re.sub('"sample": "[0-9a-f]+"', '"sample": "0"', path.read_text(), count=1))
    with pytest.raises(InlayError, match="given different pixels"):
        evaluate(tmp_path, f"data.root={noise}")


def test_a_full_disk_says_so_and_loses_nothing(whole, noise, tmp_path, monkeypatch):
    def full(file, record):
        if record["picture"] == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        add(file, record)

    add = ShardFile.add
    with monkeypatch.context() as patch:
        patch.setattr(ShardFile, "add", full)
        with pytest.raises(InlayError, match=r"cannot be written \(No space left on device\)"):
            evaluate(tmp_path, f"data.root={noise}")
    calls = counted(monkeypatch, MeanFill)
    assert evaluate(tmp_path, f"data.root={noise}") == results(whole)
    assert len(calls) == 6  # of five pictures two were measured, and the third was filled


@pytest.mark.stranger("A.5", "B.19")
def test_no_filler_sees_what_is_under_the_mask_and_a_second_evaluation_meanwhile_is_refused(
    noise, tmp_path, monkeypatch
):
    def meanwhile(self, image, mask, **told):
        shown.append(float((image * mask).abs().max()))
        with pytest.raises(InlayError, match=rf"{tmp_path}: in use by process {os.getpid()} on .*inlay evaluate"):
            evaluate(tmp_path, f"data.root={noise}", "fillers=[telea]")
        return fill(self, image, mask)

    shown, fill = [], MeanFill.fill
    monkeypatch.setattr(MeanFill, "fill", meanwhile)
    found = evaluate(tmp_path, f"data.root={noise}", "fillers=[mean]", "protocol.pictures=1")
    assert (list(found["fillers"]), shown) == (["mean"], [0, 0, 0])


@GROUP
@pytest.mark.stranger("B.19")
@pytest.mark.parametrize("fatal", [3, 50, -2])
def test_killed_and_repeated_it_ends_with_the_same_bytes(fatal, whole, noise, tmp_path, moments):
    fatal = range(len(moments))[fatal]
    out, given = tmp_path / "out", (evaluate_without_curves, tmp_path / "out", f"data.root={noise}")
    assert run(tmp_path / "log", dying, tmp_path / "moments", fatal, *given) == -signal.SIGKILL
    evaluate(out, f"data.root={noise}")
    assert files(out) == files(whole)


def test_a_broken_file_stops_or_is_left_out(noise, tmp_path):
    root = shutil.copytree(noise, tmp_path / "pictures")
    (root / "3.png").write_bytes((root / "3.png").read_bytes()[:500])
    settings = [f"data.root={root}", "data.verify=false"]
    with pytest.raises(InlayError, match=r"3\.png"):
        evaluate(tmp_path / "stops", *settings)
    found = evaluate(tmp_path / "skips", *settings, "data.on_bad_file=skip")
    assert {out["id"] for out in found["pictures_left_out"]} == {"3.png"}
    assert found["buckets"]["all"] == 12


@pytest.mark.stranger("17.B.1")
def test_the_photographs_of_the_demo_need_no_folder(tmp_path):
    settings = [setting for setting in TINY if not setting.startswith("data.val_split")]
    entry(configure("data=demo", *settings, f"run_dir={tmp_path}"), settings)
    assert results(tmp_path)["buckets"]["all"] == 2 * 3


@pytest.mark.slow
def test_the_entry_point_runs(noise, tmp_path):
    command = [sys.executable, "evaluate.py", *TINY, f"data.root={noise}", f"run_dir={tmp_path}", "protocol.pictures=1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "psnr_hole by hole ratio" in done.stdout
    assert str(tmp_path / "report.html") in done.stdout
