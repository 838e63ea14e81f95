"""The small environment of ``make install CPU=1``: the lock without what only CUDA needs."""

import re
import subprocess

import pytest
import yaml

import inlay
from tests.conftest import ROOT


def packages(text):
    """Each package of a lock with its hashes, as one line."""
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


def test_the_citation_is_of_this_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == inlay.__version__
