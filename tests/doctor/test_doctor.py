import json
import shutil
import sys
import warnings
from importlib.metadata import PackageNotFoundError
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torchvision.models import AlexNet_Weights, VGG16_Weights

from inlay import doctor, images
from inlay.cli import main
from inlay.doctor import Finding, codecs, machine, trial, versions, weights
from inlay.doctor.report import as_json, show
from inlay.fillers import MeanFill
from inlay.metrics import fid_kid


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(found, state, *said):
    assert found.state == state
    assert [words for words in said if words not in f"{found.found} -> {found.remedy}"] == []


def test_every_section_is_looked_at_nothing_is_broken_and_random_numbers_stay_where_they_are():
    before = torch.get_rng_state()
    sections = dict(doctor.examine())
    assert torch.equal(torch.get_rng_state(), before)
    assert [*sections] == [*doctor.SECTIONS]
    for finding in chain(*sections.values()):
        assert finding.state != "problem", finding
        assert (finding.state != "ok") == bool(finding.remedy), finding
        assert "\n" not in finding.found + finding.remedy, finding
    assert {finding.state for finding in sections["self-test"]} == {"ok"}
    found = {finding.subject: finding.found for finding in sections["software"]}
    assert torch.__version__ in found["PyTorch"]
    assert torch.version.cuda is None or torch.version.cuda in found["PyTorch"]
    assert "{}.{}.{}".format(*sys.version_info[:3]) in found["Python"]


class TestSoftware:
    @pytest.fixture
    def have(self, monkeypatch):
        """Give packages other versions; None: they are missing."""

        def give(**packages):
            real = versions.version

            def version(name):
                found = packages.get(name.replace("-", "_"), "as it is")
                if found is None:
                    raise PackageNotFoundError(name)
                return real(name) if found == "as it is" else found

            monkeypatch.setattr(versions, "version", version)

        return give

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"omegaconf": "2.4.0"}, ["omegaconf", "2.4.0, where Inlay asks for"]),
            # as Inlay asks for, and too old for the torchvision that is here
            ({"torch": "2.12.0"}, ["torchvision", "2.12.0 is installed", "pip install --upgrade torchvision"]),
            (
                {"opencv_python": "5.0.0.93", "opencv_python_headless": "5.0.0.93"},
                ["opencv-python", "installed beside opencv-python-headless"],
            ),
        ],
    )
    def test_another_version_and_packages_at_odds_or_of_the_same_files_are_doubtful(self, have, given, said):
        have(**given)
        [found] = [finding for finding in versions.software() if finding.subject == said[0]]
        check(found, "warning", *said[1:])

    def test_a_missing_package_is_a_problem_and_a_missing_extra_told_with_its_command(self, have):
        have(wandb=None, gradio=None, optuna=None)
        assert Finding("wandb", "missing", "problem", 'pip install "wandb>=0.31"') in [*versions.software()]
        found = {finding.subject: finding for finding in versions.extras()}
        remedy = 'To use it: pip install "inlay[app]"'
        assert found["app"] == Finding("app", "missing: gradio", "absent", remedy, "gradio")
        assert found["sweep"].found == "missing: optuna"
        assert found["export"].state == "ok"
        assert "dev" not in found


class TestGPU:
    @pytest.fixture(autouse=True)
    def _none(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)

    @pytest.mark.parametrize(
        ("driver", "state", "said", "remedy"),
        [
            (None, "absent", "none: everything is computed by the processor", "NVIDIA GPU"),
            ("570.1", "warning", "570.1 is here, but this PyTorch knows no CUDA", "https://pytorch.org/get-started"),
        ],
    )
    def test_none_or_a_pytorch_without_cuda(self, monkeypatch, driver, state, said, remedy):
        monkeypatch.setattr(machine, "driver", lambda: driver)
        monkeypatch.setattr(torch.version, "cuda", None)
        check(*machine.gpus(), state, said, remedy)

    def test_a_driver_that_is_too_old(self, monkeypatch):
        def unavailable():
            warnings.warn("CUDA initialization: The NVIDIA driver\non your system is too old", stacklevel=1)
            return False

        monkeypatch.setattr(machine, "driver", lambda: "450.2")
        monkeypatch.setattr(torch.version, "cuda", "13.0")
        monkeypatch.setattr(torch.cuda, "is_available", unavailable)
        said = "450.2 does not serve this PyTorch's CUDA 13.0", "driver on your system is too old", "Update the driver"
        check(*machine.gpus(), "warning", *said)

    @pytest.mark.parametrize(("bf16", "said"), [(True, "computes in bfloat16"), (False, "no bfloat16")])
    def test_one(self, monkeypatch, bf16, said):
        monkeypatch.setattr(machine, "driver", lambda: "570.1")
        for name, answer in {
            "is_available": True,
            "device_count": 1,
            "get_device_properties": SimpleNamespace(name="A Card", total_memory=24 * 2**30),
            "device": torch.no_grad(),
            "is_bf16_supported": bf16,
        }.items():
            monkeypatch.setattr(torch.cuda, name, lambda *_, answer=answer, **__: answer)
        check(*machine.gpus(), "ok", f"A Card, 24 GiB, driver 570.1, {said}")

    def test_the_driver_is_asked_for_its_version(self, tmp_path, monkeypatch):
        tool = tmp_path / "nvidia-smi"
        tool.write_text("#!/bin/sh\necho 570.86.15\necho 570.86.15\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        assert machine.driver() == "570.86.15"
        tool.write_text("#!/bin/sh\nexit 9\n")
        assert machine.driver() is None


class TestSpace:
    def test_little_shared_memory(self):
        found = machine.shared_memory(64 * 2**20)  # a container's usual
        check(found, "warning", "only 64 MiB", "--shm-size", "data.num_workers=0")
        batch = 16 * 512 * 512 * (3 + 1)  # bytes of pictures and masks
        assert machine.shared_memory(4 * 2 * 2 * batch).state == "ok"
        assert machine.shared_memory(4 * 2 * 2 * batch - 1).state == "warning"

    @pytest.mark.parametrize(("free", "state"), [(6 * 2**30, "ok"), (2**30, "warning"), (2**20, "problem")])
    def test_room_on_the_disk_and_a_place_that_cannot_be_written_to(self, tmp_path, monkeypatch, free, state):
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free) if path == tmp_path else None)
        found = machine.disk("cache", tmp_path / "not/yet/there", "INLAY_CACHE=PATH")
        assert found.state == state
        assert ("INLAY_CACHE=PATH" in found.remedy) == (state != "ok")
        monkeypatch.setattr("os.access", lambda path, mode: False)
        found = machine.disk("outputs", tmp_path, "run_dir=PATH")
        check(found, "problem", f"{tmp_path} cannot be written to", "run_dir=PATH")


class TestCodecs:
    def test_a_codec_that_writes_something_else_is_a_problem(self, monkeypatch):
        read = images.read_picture

        def spoiled(path):
            picture = read(path)
            if path.suffix == ".webp":
                picture.pixels[3, 4, 0] ^= 1
            return picture

        monkeypatch.setattr(images, "read_picture", spoiled)
        found = {finding.subject: finding for finding in codecs.codecs()}
        said = "came back 1 steps from what it was", "pip install --force-reinstall pillow"
        check(found["WebP"], "problem", *said)
        assert {finding.state for name, finding in found.items() if name != "WebP"} == {"ok"}

    def test_a_codec_that_is_missing_is_a_problem(self, monkeypatch):
        def refused(path, picture):
            raise OSError("encoder webp not available")

        monkeypatch.setattr(images, "write_picture", refused)
        for found in codecs.codecs():
            check(found, "problem", "encoder webp not available")


class TestWeights:
    def test_missing_ones_are_told_with_address_and_license(self, folder):
        found = {finding.subject: finding for finding in weights.weights()}
        assert {finding.state for finding in found.values()} == {"absent"}
        alex = f"{AlexNet_Weights.IMAGENET1K_V1.url} and name its place: weights.lpips=PATH"
        for name, *said in (
            ("VGG16", VGG16_Weights.IMAGENET1K_V1.url, str(folder / "checkpoints"), "BSD-3-Clause"),
            ("AlexNet", alex),
            ("Inception, 2015", fid_kid.ORIGIN),
            ("CLIP", "https://huggingface.co/openai/clip-vit-base-patch32"),
            ("DAMSM", "experiment=damsm_cub"),
        ):
            check(found[name], "absent", *said)

    def test_found_ones_are_told_with_their_place_and_broken_ones_too(self, folder):
        whole, broken = folder / "checkpoints/vgg16-397923af.pth", folder / "checkpoints/alexnet-owt-7be5be79.pth"
        snapshot = folder / "hub/models--google-bert--bert-base-uncased"
        for path in (whole, broken, snapshot / "snapshots/abc/model.safetensors", snapshot / "refs/main"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("abc")
        with whole.open("wb") as file:
            file.truncate(553_433_881)  # a hole of that size; nothing is written
        found = {finding.subject: finding for finding in weights.weights()}
        assert found["VGG16"] == Finding("VGG16", str(whole))
        assert found["BERT"] == Finding("BERT", str(snapshot / "snapshots/abc"))
        check(found["AlexNet"], "warning", "a download that broke off")


class TestTrial:
    @pytest.mark.parametrize(
        ("spoil", "said"),
        [(lambda x: x + 1e-6, "changes known pixels"), (lambda x: x * torch.nan, "are no numbers")],
    )
    def test_a_filler_that_does_not_work_is_a_problem(self, spoil, said):
        class Broken(MeanFill):
            def fill(self, image, mask, **options):
                return spoil(super().fill(image, mask))

        found = trial.fills("broken", Broken(), torch.rand(1, 3, 8, 8), torch.zeros(1, 1, 8, 8))
        check(found, "problem", said, "make install")

    def test_a_network_that_does_not_learn_is_a_problem(self, monkeypatch):
        monkeypatch.setattr(trial, "_RATE", 0.0)
        [found] = [finding.found for finding in trial.trial() if finding.state == "problem"]
        assert found.startswith("does not learn")


BROKEN = Finding("PNG", "does not work: [b]rather[/b] long " + "words " * 15, "problem", "Mend [it] " * 12)
SECTIONS = [
    ("software", [Finding("Inlay", "0.1.0")]),
    ("pictures", [BROKEN]),
    ("machine", [Finding("GPU", "none", "warning", "Get https://example.org/" + "x" * 90)]),
]


class TestReport:
    def test_is_plain_and_narrow_in_a_pipe_and_has_colors_in_a_terminal(self, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "80")
        assert show(SECTIONS) == "problem"
        lines = capsys.readouterr().out.splitlines()
        assert [line for line in lines if len(line) > 80] == [29 * " " + "https://example.org/" + "x" * 90]
        assert not any("\x1b" in line for line in lines)
        assert "ok       Inlay            0.1.0" in lines
        assert any("[b]rather[/b]" in line for line in lines)
        assert any(line.strip().startswith("-> Mend [it]") for line in lines)
        assert lines[-1] == "Inlay does not work as it should: 1 problem, 1 warning, see the arrows."
        monkeypatch.setenv("FORCE_COLOR", "1")
        show(SECTIONS)
        assert "\x1b[" in capsys.readouterr().out

    @pytest.mark.stranger("17.B.5")
    def test_what_is_merely_absent_is_one_line_and_no_fault(self, folder, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "400")
        found = [*weights.weights()]
        assert show([("weights", found)]) == "ok"
        _, line, arrow, _, verdict = capsys.readouterr().out.splitlines()
        assert line.startswith("absent   weights          VGG16 (loss=pconv), Inception v3 (model=damsm), ")
        assert arrow.strip() == "-> Each is needed for that alone. How to get them: inlay doctor --all"
        assert verdict == "Inlay works."
        show([("weights", found)], each=True)
        assert capsys.readouterr().out.count("\nabsent ") == len(found) == 7

    def test_is_one_object_for_programs(self):
        told, state = as_json(SECTIONS)
        read = json.loads(told)
        assert state == read["state"] == "problem"
        first = {"section": "software", "subject": "Inlay", "found": "0.1.0", "state": "ok", "remedy": "", "use": ""}
        assert read["findings"][0] == first
        assert len(read["findings"]) == 3


class TestCommand:
    @pytest.fixture
    def run(self, monkeypatch, capsys):
        def run(findings, *options):
            monkeypatch.setattr(doctor, "examine", lambda: iter([("software", findings)]))
            monkeypatch.setattr(sys, "argv", ["inlay", "doctor", *options])
            code = 0
            try:
                main()
            except SystemExit as stop:
                code = stop.code
            return code, capsys.readouterr().out

        return run

    @pytest.mark.parametrize(("state", "status"), [("ok", 0), ("absent", 0), ("warning", 0), ("problem", 1)])
    def test_fails_for_problems_alone(self, run, state, status):
        assert run([Finding("a", "b", state, "c")])[0] == status
        code, told = run([Finding("a", "b", state, "c")], "--json")
        assert (code, json.loads(told)["state"]) == (status, state.replace("absent", "ok"))

    def test_a_section_that_cannot_even_be_imported_is_a_problem(self, monkeypatch):
        given = {"pictures": "inlay.doctor.nowhere:codecs", "space": "inlay.doctor.machine:space"}
        monkeypatch.setattr(doctor, "SECTIONS", given)
        (_, [broken]), (_, rest) = doctor.examine()
        check(broken, "problem", "No module named 'inlay.doctor.nowhere'")
        assert len(rest) >= 3
        assert Path("outputs").name in rest[0].found
