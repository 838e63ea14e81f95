"""What is installed: by the lock, without CUDA (``make install CPU=1``), and by pip without the lock."""

import re
import subprocess
import tomllib

import pytest
import yaml

import inlay
from tests.conftest import ROOT


def packages(text):
    return re.sub(r" \\\n +", " ", text).splitlines()


@pytest.mark.stranger("17.B.5")
def test_a_small_environment_has_pytorch_without_cuda_and_all_else_as_locked(tmp_path):
    small = tmp_path / "cpu.lock"
    subprocess.run(["make", "--quiet", f"VENV={tmp_path}", str(small)], cwd=ROOT, check=True)
    locked, ours = packages((ROOT / "requirements.lock").read_text()), packages(small.read_text())
    left_out = {line.split("==")[0] for line in locked if line not in ours}
    assert {"torch", "torchvision", "triton", "nvidia-cudnn-cu13"} <= left_out
    assert all(re.match("torch(vision)?$|triton|nvidia-|cuda-", name) for name in left_out)
    torch, vision = (line.split()[0] for line in locked if re.match("torch(vision)?==", line))
    assert [line for line in ours if line not in locked] == [
        f"{name}{build} ; sys_platform {sign} 'linux'"
        for name in (torch, vision)
        for build, sign in (("+cpu", "=="), ("", "!="))
    ]


@pytest.mark.stranger("17.B.6")
def test_one_opencv_and_a_lightning_that_is_new_enough_are_asked_for():
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert [name for name in asked if re.match("opencv|pytorch-l", name)] == [
        "opencv-python-headless>=4.10,<6",  # as albumentations asks
        "pytorch-lightning>=2.6.6,<2.7",
    ]
    locked = packages((ROOT / "requirements.lock").read_text())
    assert [line.split("==")[0] for line in locked if line.startswith("opencv")] == ["opencv-python-headless"]


@pytest.mark.stranger("17.B.7")
def test_the_citation_is_of_this_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == inlay.__version__
