"""What the command line says and refuses, and what fillers are told."""

import re
import sys
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import inlay.fillers
from inlay.cli.evaluation import _check_used, _device, _probes, _shard
from inlay.errors import InlayError
from inlay.evaluation.folder import EvalFolder
from inlay.evaluation.store import Shard
from inlay.fillers import Filler
from inlay.images import read_image, read_mask
from inlay.ops import composite
from tests.conftest import ROOT
from tests.evaluation.evaluating import configure, evaluate


class Told(Filler):
    """Reads and draws: remembers what it was told, and answers with noise of the seed, or gray without one."""

    takes_text, takes_seed, identity = True, True, "stand-in"

    def __init__(self):
        self.calls = []

    def fill(self, image, mask, *, text=None, reference=None, seed=None):
        seed = None if seed is None else seed[0]  # one picture at a time
        self.calls.append((text, seed))
        level = 0.5 if seed is None else np.random.default_rng(seed).uniform()
        return composite(torch.full_like(image, level), image, mask)


def test_merge_and_compare_refuse_what_there_is_not(inlay_, tmp_path):
    for arguments in ([], ["merge"], ["compare"], ["other", "x"]):
        code, _, said = inlay_(*arguments)
        assert (code, said.startswith("usage: inlay evaluation")) == (2, True)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "results.json").write_text("{")
    for arguments, said in (
        (["merge", tmp_path / "a", tmp_path / "b"], "error: several folders.*--out"),
        (["merge", tmp_path / "a", "--out", tmp_path / "out"], f"error: {tmp_path / 'a'}: no rows"),
        (["compare", tmp_path], rf"{tmp_path}/results\.json: no results.*`inlay evaluate run_dir={tmp_path}`"),
        (["compare", broken], "no results in there"),
    ):
        code, _, found = inlay_(*arguments)
        assert (code, bool(re.search(said, found))) == (1, True), found
    assert list(tmp_path.iterdir()) == [broken]


class TestSettings:
    def test_the_default_protocol_and_that_protocols_of_birds_bring_their_dataset(self):
        assert configure().protocol.name == "pconv_buckets_v2"
        for name in ("tdanet_cub", "legacy_tdanet"):
            assert configure(f"protocol={name}").data.listing._target_ == "inlay.data.datasets.CUB"

    def test_what_would_do_nothing_is_refused_and_what_is_used_is_not(self):
        used = ["data.root=x", "data.listing.captions=beside", "+data.listing.x=1", "data=cub", "protocol.size=64"]
        _check_used(used)
        for override in ("data.hflip_prob=0", "+data.batch_size=2", "++data.sample.x=1", "~data.color_jitter"):
            said = f"^{re.escape(override)}: does nothing here.*root, index, listing, val_split"
            with pytest.raises(InlayError, match=said):
                _check_used([*used, override])

    def test_a_missing_dataset_is_asked_for(self, tmp_path):
        with pytest.raises(InlayError, match=r"^give data\.root=\.\.\. on the command line"):
            evaluate(tmp_path)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.stranger("B.8")
    def test_a_folder_that_is_not_there_is_said_before_anything_large_is_imported(self, tmp_path, monkeypatch):
        for name in ("torch", "numpy", "inlay.images", "inlay.fillers"):
            monkeypatch.setitem(sys.modules, name, None)
        cfg = configure(f"data.root={tmp_path}/nowhere")
        with pytest.raises(InlayError, match=r"data\.root=.*/nowhere: no such folder"):
            inlay.cli.evaluation.evaluate(cfg, [])

    @pytest.mark.parametrize(
        ("override", "message"),
        [
            ("fillers=[telea,telea]", "telea and telea are the same filler"),
            ("fillers=[nobody]", r"nobody: neither a filler nor a file\. Give mean, telea, .* or model:PATH"),
            ("fillers=[]", r"fillers must name fillers.*got none"),
            ("probe=lpips", r"probe=\['lpips'\]: nothing to measure with"),
            ("shard=3/2", r"shard must be K/N.*got '3/2'"),
            ("data.image_size=64", r"data\.image_size=64: does nothing here"),
        ],
    )
    def test_bad_ones_are_refused(self, noise, tmp_path, override, message):
        with pytest.raises(InlayError, match=message):
            evaluate(tmp_path, f"data.root={noise}", "protocol.pictures=1", override)


class TestProcesses:
    def test_each_process_has_its_device(self, monkeypatch):
        assert [_device(torch.device(name)) for name in ("cpu", "cuda:0")] == ["cpu", "cuda:0"]
        for asked, rank, taken in map(str.split, ("cpu 3 cpu", "cuda:0 3 cuda:3", "cuda:2 0 cuda:2", "mps 1 mps")):
            monkeypatch.setenv("LOCAL_RANK", rank)
            assert _device(torch.device(asked)) == taken

    def test_shares_and_tasks_of_slurm_do_not_all_do_everything(self, monkeypatch):
        assert (_shard(None), _shard("3/16")) == (Shard(1, 1), Shard(3, 16))
        for rank, world, given, share in (("0", "1", "2/5", (2, 5)), ("2", "4", None, (3, 4))):
            monkeypatch.setenv("RANK", rank)
            monkeypatch.setenv("WORLD_SIZE", world)
            assert _shard(given) == share  # one process of torchrun may be given a part
        with pytest.raises(InlayError, match="share out by themselves"):
            _shard("1/2")
        monkeypatch.delenv("RANK")
        monkeypatch.delenv("WORLD_SIZE")
        monkeypatch.setenv("SLURM_NTASKS", "4")
        with pytest.raises(InlayError, match=r"shard=\$\(\(SLURM_PROCID\+1\)\)/\$SLURM_NTASKS"):
            _shard(None)
        assert _shard("1/1") == (1, 1)


class TestProbes:
    @pytest.mark.parametrize("path", sorted((ROOT / "conf/probe").glob("*.yaml")), ids=lambda path: path.stem)
    def test_every_probe_is_built_or_lacks_weights(self, path):
        probes, left_out = _probes(configure(f"probe=[pixel_errors,{path.stem}]", "device=cpu"))
        assert all("weights." in reason for reason in left_out.values())
        assert len(probes) + len(left_out) > (path.stem != "pixel_errors")

    def test_without_weights_it_is_left_out(self):
        probes, left_out = _probes(configure("protocol=tdanet_cub", "device=cpu"))
        needs = {"lpips": "lpips", "inception": "inception", "clip_score": "clip", "diversity_lpips": "lpips"}
        assert list(left_out) == list(needs)
        assert all(f"weights.{setting}=" in left_out[name] for name, setting in needs.items())
        assert [name for name, probe in probes.items() if probe.metric.needs_samples] == ["diversity"]
        assert not any(probe.has_features for probe in probes.values())

    def test_it_is_said(self, noise, tmp_path, caplog):
        with caplog.at_level("INFO"):
            found = evaluate(tmp_path, f"data.root={noise}", "protocol.pictures=1", "fillers=[mean]")
        assert f"protocol smoke, hash {found['protocol']['hash']}" in caplog.messages
        said = [message for message in caplog.messages if message.startswith("left out ")]
        assert set(said) < {f"left out {name}: {reason}" for name, reason in found["metrics_left_out"].items()}
        assert len(said) == 3

    @pytest.mark.parametrize("probe", ["lpips", "pixel_errors"])
    def test_weights_must_exist(self, tmp_path, probe):
        with pytest.raises(InlayError, match=r"weights\.lpips=.*none\.pth"):
            _probes(configure("device=cpu", f"probe={probe}", f"weights.lpips={tmp_path / 'none.pth'}"))

    def test_weights_are_known_by_their_digest(self, tmp_path, monkeypatch):
        monkeypatch.setattr("inlay.metrics.LPIPS.__init__", lambda *_, **__: None)
        infos = []
        for content, device in ((b"1", "cpu"), (b"1", "cuda"), (b"2", "cuda")):
            path = tmp_path / str(len(infos))
            path.write_bytes(content)
            probes, _ = _probes(configure("probe=lpips", f"device={device}", f"weights.lpips={path}"))
            infos.append(probes["lpips"].info)
        assert infos[0] == infos[1] != infos[2]


@pytest.fixture
def told(monkeypatch):
    """A filler that reads and draws; everybody gets this one."""
    filler = Told()
    monkeypatch.setattr(inlay.fillers, "load_filler", lambda *_: filler)
    return filler


BIRDS = ["protocol=tdanet_cub", "data=folder", "data.val_split=train", "protocol.pictures=2"]


def of_birds(run_dir, noise, *overrides):
    return evaluate(run_dir, *BIRDS, f"data.root={noise}", "fillers=[mean]", *overrides)


class TestTextAndSamples:
    def test_captions_are_told_and_diversity_is_measured_the_same_in_another_shard(self, noise, tmp_path, told):
        captions = "data.listing.captions=beside"
        found, calls = of_birds(tmp_path / "whole", noise, captions), told.calls.copy()
        # Without boxes there is no object to hide; of the center each of two pictures is filled once, and five times.
        assert found["buckets"] == {"20-30": 2, "all": 2}
        assert [out["hole"] for out in found["pictures_left_out"]] == ["object", "object"]
        assert {tuple(text) for text, _ in calls} == {("a red bird",)}
        assert Counter(seed is None for _, seed in calls) == {True: 2, False: 10}
        assert len({seed for _, seed in calls if seed is not None}) == 10
        rows = pq.read_table(tmp_path / "whole/results.parquet").to_pylist()
        assert [row["caption"] for row in rows] == ["a red bird", "a red bird"]
        expected = [apart([seed for _, seed in calls[6 * number + 1 : 6 * number + 6]]) for number in (0, 1)]
        assert [row["diversity_l1_hole"] for row in rows] == pytest.approx(expected, abs=1e-9)
        assert [row["hole_pixels"] for row in rows] == [0.5 * 0.5 * 32 * 32] * 2
        pooled = found["values"]["mean"]["all"]["diversity_l1_hole"]["value"]
        assert pooled == pytest.approx(np.mean(expected), abs=1e-9)
        folder = EvalFolder(tmp_path / "whole")  # the answer that counts is the one without a seed
        filled, hole = read_image(folder.filled("mean", 0, "center")), read_mask(folder.mask(0, "center"))
        assert np.unique(filled[hole]).tolist() == [128]
        of_birds(tmp_path / "part", noise, captions, "shard=2/2")
        assert told.calls == calls + calls[6:]

    @pytest.mark.parametrize("silence", [[], ["protocol.captions=false", "data.listing.captions=beside"]])
    def test_without_captions_nothing_is_told_and_one_sample_has_no_diversity(self, noise, tmp_path, told, silence):
        found = of_birds(tmp_path, noise, "protocol.samples=1", *silence)
        assert told.calls == [(None, None)] * 2
        assert "diversity_l1_hole" not in found["values"]["mean"]["all"]

    def test_who_draws_nothing_has_no_diversity(self, noise, tmp_path):
        assert "diversity_l1_hole" not in of_birds(tmp_path, noise)["values"]["mean"]["all"]


def apart(seeds):
    """Mean distance of the gray levels that the stand-in draws, as bytes, over all pairs."""
    levels = [round(255 * np.float32(np.random.default_rng(seed).uniform())) / 255 for seed in seeds]
    return np.mean([abs(a - b) for number, a in enumerate(levels) for b in levels[:number]])
