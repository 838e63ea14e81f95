import json
import shutil
import sys
from importlib.metadata import PackageNotFoundError
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


@pytest.fixture(scope="module")
def sections():
    """Everything, looked at once."""
    return [*doctor.examine()]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A place without any weights."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


class TestHere:
    def test_every_section_is_looked_at_and_nothing_is_broken(self, sections):
        assert [section for section, _ in sections] == [*doctor.SECTIONS]
        assert [finding for _, findings in sections for finding in findings if finding.state == "problem"] == []

    def test_whatever_is_not_well_has_a_remedy_of_one_line(self, sections):
        for _, findings in sections:
            for finding in findings:
                assert (finding.state != "ok") == bool(finding.remedy), finding
                assert "\n" not in finding.found + finding.remedy, finding

    def test_installed_packages_are_those_asked_for(self, sections):
        found = {finding.subject: finding.found for finding in dict(sections)["software"]}
        assert torch.__version__ in found["PyTorch"]
        assert torch.version.cuda is None or torch.version.cuda in found["PyTorch"]
        assert "{}.{}.{}".format(*sys.version_info[:3]) in found["Python"]

    def test_the_random_numbers_of_the_process_stay_where_they_are(self):
        before = torch.get_rng_state()
        assert {finding.state for finding in trial.trial()} == {"ok"}
        assert torch.equal(torch.get_rng_state(), before)


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

    def test_a_missing_package_is_a_problem(self, have):
        have(wandb=None)
        assert Finding("wandb", "missing", "problem", 'pip install "wandb>=0.31"') in [*versions.software()]

    def test_another_version_than_asked_for_is_doubtful(self, have):
        have(omegaconf="2.4.0")
        found = [finding for finding in versions.software() if finding.subject == "omegaconf"]
        assert [finding.state for finding in found] == ["warning"]
        assert found[0].found.startswith("2.4.0, where Inlay asks for")

    def test_packages_at_odds_are_told(self, have):
        have(torch="2.12.0")  # as Inlay asks for, and too old for the torchvision that is here
        found = [finding for finding in versions.software() if finding.subject == "torchvision"]
        assert [finding.state for finding in found] == ["warning"]
        assert "2.12.0 is installed" in found[0].found
        assert "pip install --upgrade torchvision" in found[0].remedy

    def test_two_packages_of_the_same_files_are_told(self, have):
        have(opencv_python="5.0.0.93", opencv_python_headless="5.0.0.93")
        assert "installed beside opencv-python-headless" in str([*versions.software()])

    def test_a_missing_extra_is_told_with_its_command(self, have):
        have(gradio=None, optuna=None)
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
        [found] = machine.gpus()
        assert (found.state, said in found.found, remedy in found.remedy) == (state, True, True)

    def test_a_driver_that_is_too_old(self, monkeypatch):
        import warnings

        def unavailable():
            warnings.warn("CUDA initialization: The NVIDIA driver\non your system is too old", stacklevel=1)
            return False

        monkeypatch.setattr(machine, "driver", lambda: "450.2")
        monkeypatch.setattr(torch.version, "cuda", "13.0")
        monkeypatch.setattr(torch.cuda, "is_available", unavailable)
        [found] = machine.gpus()
        assert "450.2 does not serve this PyTorch's CUDA 13.0" in found.found
        assert "driver on your system is too old" in found.found
        assert "Update the driver" in found.remedy

    @pytest.mark.parametrize(("bf16", "said"), [(True, "computes in bfloat16"), (False, "no bfloat16")])
    def test_one(self, monkeypatch, bf16, said):
        card = SimpleNamespace(name="A Card", total_memory=24 * 2**30)
        monkeypatch.setattr(machine, "driver", lambda: "570.1")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: card)
        monkeypatch.setattr(torch.cuda, "device", lambda number: torch.no_grad())
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16)
        [found] = machine.gpus()
        assert found.state == "ok"
        assert f"A Card, 24 GiB, driver 570.1, {said}" in found.found

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
        assert found.state == "warning"
        assert "only 64 MiB" in found.found
        assert "--shm-size" in found.remedy
        assert "data.num_workers=0" in found.remedy
        batch = 16 * 512 * 512 * (3 + 1)  # bytes of pictures and masks
        assert machine.shared_memory(4 * 2 * 2 * batch).state == "ok"
        assert machine.shared_memory(4 * 2 * 2 * batch - 1).state == "warning"

    @pytest.mark.parametrize(("free", "state"), [(6 * 2**30, "ok"), (2**30, "warning"), (2**20, "problem")])
    def test_room_on_the_disk(self, tmp_path, monkeypatch, free, state):
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free) if path == tmp_path else None)
        found = machine.disk("cache", tmp_path / "not/yet/there", "INLAY_CACHE=PATH")
        assert found.state == state
        assert ("INLAY_CACHE=PATH" in found.remedy) == (state != "ok")

    def test_a_place_that_cannot_be_written_to(self, tmp_path, monkeypatch):
        monkeypatch.setattr("os.access", lambda path, mode: False)
        found = machine.disk("outputs", tmp_path, "run_dir=PATH")
        assert (found.state, found.found) == ("problem", f"{tmp_path} cannot be written to")
        assert "run_dir=PATH" in found.remedy


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
        assert found["WebP"].state == "problem"
        assert "came back 1 steps from what it was" in found["WebP"].found
        assert "pip install --force-reinstall pillow" in found["WebP"].remedy
        assert {finding.state for name, finding in found.items() if name != "WebP"} == {"ok"}

    def test_a_codec_that_is_missing_is_a_problem(self, monkeypatch):
        def refused(path, picture):
            raise OSError("encoder webp not available")

        monkeypatch.setattr(images, "write_picture", refused)
        found = [*codecs.codecs()]
        assert {finding.state for finding in found} == {"problem"}
        assert "encoder webp not available" in found[0].found


class TestWeights:
    def test_missing_ones_are_told_with_address_and_license(self, folder):
        found = {finding.subject: finding for finding in weights.weights()}
        assert {finding.state for finding in found.values()} == {"absent"}
        assert VGG16_Weights.IMAGENET1K_V1.url in found["VGG16"].remedy
        assert str(folder / "checkpoints") in found["VGG16"].remedy
        assert "BSD-3-Clause" in found["VGG16"].found
        assert f"{AlexNet_Weights.IMAGENET1K_V1.url} and name its place: weights.lpips=PATH" in found["AlexNet"].remedy
        assert fid_kid.ORIGIN in found["Inception, 2015"].remedy
        assert "https://huggingface.co/openai/clip-vit-base-patch32" in found["CLIP"].remedy
        assert "experiment=damsm_cub" in found["DAMSM"].remedy

    def test_found_ones_are_told_with_their_place_and_broken_ones_too(self, folder):
        whole, broken = folder / "checkpoints/vgg16-397923af.pth", folder / "checkpoints/alexnet-owt-7be5be79.pth"
        snapshot = folder / "hub/models--google-bert--bert-base-uncased"
        for path in (whole, broken, snapshot / "snapshots/abc/model.safetensors", snapshot / "refs/main"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        (snapshot / "refs/main").write_text("abc")
        with whole.open("wb") as file:
            file.truncate(553_433_881)  # a hole of that size; nothing is written
        found = {finding.subject: finding for finding in weights.weights()}
        assert found["VGG16"] == Finding("VGG16", str(whole))
        assert found["BERT"] == Finding("BERT", str(snapshot / "snapshots/abc"))
        assert (found["AlexNet"].state, "a download that broke off" in found["AlexNet"].found) == ("warning", True)


class TestTrial:
    IMAGE, MASK = torch.rand(1, 3, 8, 8), torch.zeros(1, 1, 8, 8)

    @pytest.mark.parametrize(
        ("spoil", "said"),
        [
            (lambda filled: filled + 1e-6, "changes known pixels"),
            (lambda filled: filled * torch.nan, "what are no numbers"),
        ],
    )
    def test_a_filler_that_does_not_work_is_a_problem(self, spoil, said):
        class Broken(MeanFill):
            def fill(self, image, mask, **options):
                return spoil(super().fill(image, mask))

        found = trial.fills("broken", Broken(), self.IMAGE, self.MASK)
        assert (found.state, said in found.found) == ("problem", True)
        assert "make install" in found.remedy

    def test_a_network_that_does_not_learn_is_a_problem(self, monkeypatch):
        monkeypatch.setattr(trial, "_RATE", 0.0)
        [found] = [finding.found for finding in trial.trial() if finding.state == "problem"]
        assert found.startswith("does not learn")


SECTIONS = [
    ("software", [Finding("Inlay", "0.1.0")]),
    (
        "pictures",
        [Finding("PNG", "does not work: [b]rather[/b] long " + "words " * 15, "problem", "Mend [it] " * 12)],
    ),
    ("machine", [Finding("GPU", "none", "warning", "Get https://example.org/" + "x" * 90)]),
]


class TestReport:
    def test_is_plain_and_narrow_in_a_pipe_and_addresses_stay_whole(self, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "80")
        assert show(SECTIONS) == "problem"
        lines = capsys.readouterr().out.splitlines()
        assert [line for line in lines if len(line) > 80] == [29 * " " + "https://example.org/" + "x" * 90]
        assert not any("\x1b" in line for line in lines)
        assert "ok       Inlay            0.1.0" in lines
        assert any("[b]rather[/b]" in line for line in lines)
        assert any(line.strip().startswith("-> Mend [it]") for line in lines)
        assert lines[-1] == "Inlay does not work as it should: 1 problem, 1 warning, see the arrows."

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

    def test_has_colors_in_a_terminal(self, capsys, monkeypatch):
        monkeypatch.setenv("FORCE_COLOR", "1")
        show(SECTIONS)
        assert "\x1b[" in capsys.readouterr().out

    def test_is_one_object_for_programs(self):
        told, state = as_json(SECTIONS)
        assert state == "problem"
        read = json.loads(told)
        assert read["state"] == "problem"
        first = {"section": "software", "subject": "Inlay", "found": "0.1.0", "state": "ok", "remedy": "", "use": ""}
        assert read["findings"][0] == first
        assert len(read["findings"]) == 3


class TestCommand:
    @pytest.fixture
    def run(self, monkeypatch, capsys):
        def run(findings, *options):
            monkeypatch.setattr(doctor, "examine", lambda: iter([("software", findings)]))
            monkeypatch.setattr(sys, "argv", ["inlay", "doctor", *options])
            try:
                main()
            except SystemExit as stop:
                return stop.code, capsys.readouterr().out
            return 0, capsys.readouterr().out

        return run

    @pytest.mark.parametrize(("state", "status"), [("ok", 0), ("absent", 0), ("warning", 0), ("problem", 1)])
    def test_fails_for_problems_alone(self, run, state, status):
        assert run([Finding("a", "b", state, "c")])[0] == status
        code, told = run([Finding("a", "b", state, "c")], "--json")
        assert (code, json.loads(told)["state"]) == (status, state.replace("absent", "ok"))

    def test_a_section_that_cannot_even_be_imported_is_a_problem(self, monkeypatch):
        monkeypatch.setattr(
            doctor, "SECTIONS", {"pictures": "inlay.doctor.nowhere:codecs", "space": "inlay.doctor.machine:space"}
        )
        (_, [broken]), (_, rest) = doctor.examine()
        assert broken.state == "problem"
        assert "No module named 'inlay.doctor.nowhere'" in broken.found
        assert len(rest) >= 3
        assert Path("outputs").name in rest[0].found
