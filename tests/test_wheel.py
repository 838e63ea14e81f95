"""What people install, a wheel, in an environment and a folder of its own: it does what the checkout does."""

import os
import re
import subprocess
import sys
import sysconfig
import urllib.request
import venv
from pathlib import Path

import pytest

from inlay.images import read_picture
from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.stranger("17.B.1")]

UV = Path(sys.executable).with_name("uv")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of the programs of an environment with the wheel; what Inlay needs is taken from this environment."""
    if not UV.exists():
        pytest.skip("needs uv, which make install brings")
    folder = tmp_path_factory.mktemp("wheel")
    build = [UV, "build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", folder, ROOT]
    subprocess.run([*build, "--offline", "--quiet"], check=True)
    venv.create(folder / "env", symlinks=True)
    programs = folder / "env/bin"
    (wheel,) = folder.glob("*.whl")
    install = [UV, "pip", "install", "--no-deps", "--offline", "--quiet", "--python", programs / "python", wheel]
    subprocess.run(install, check=True)
    (packages,) = folder.glob("env/lib/python*/site-packages")
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib"))
    return programs


@pytest.fixture(scope="module")
def shell(installed, tmp_path_factory):
    """Runs a line of a shell in a folder of its own, with the environment's programs; what it prints."""
    folder = tmp_path_factory.mktemp("elsewhere")
    environment = {**os.environ, "PATH": f"{installed}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}

    def run(line):
        done = subprocess.run(
            line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=280
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run.folder, run.environment, run.programs = folder, environment, installed
    return run


@pytest.fixture(scope="module")
def trained(shell):
    return shell("inlay train experiment=demo iterations=4 run_dir=o")


def test_is_what_is_imported_and_carries_settings_and_sample(installed, shell):
    place = Path(shell("python -c 'import inlay; print(inlay.__file__)'").strip()).parent
    assert place.is_relative_to(installed.parent)
    for name in ("conf", "masks/sample"):
        ours = (ROOT / name).rglob("*.*")
        assert [path for path in ours if not (place / name / path.relative_to(ROOT / name)).exists()] == []


def test_trains_and_then_fills_evaluates_and_exports_by_the_commands_that_it_prints_and_in_short(shell, trained):
    commands = trained.split("Next:\n")[1].splitlines()[:3]
    assert [line.split()[:2] for line in commands] == [["inlay", name] for name in ("predict", "evaluate", "export")]
    assert " data=demo " in commands[1]
    for line in commands:
        shell(line)
    assert read_picture(shell.folder / "o/example_filled.png").size == (128, 128)
    assert (shell.folder / "o/evaluation/report.html").exists()
    card = (shell.folder / "o/exported/README.md").read_text()
    assert "\ninlay predict --image photo.jpg --mask mask.png --model FOLDER --output filled.png\n" in card
    said = shell("inlay evaluate protocol=smoke data=demo fillers=[model:o/checkpoints/best.ckpt,telea] run_dir=smoke")
    assert "psnr_hole by hole ratio, protocol smoke" in said


def test_shows_the_page(shell, trained):
    command = [shell.programs / "inlay", "app", "--model", "o/checkpoints/best.ckpt", "--device", "cpu"]
    with subprocess.Popen(
        command, cwd=shell.folder, env=shell.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as app:
        try:
            said = ""
            while "Inlay is at" not in said:
                said = app.stdout.readline()
                assert said
            with urllib.request.urlopen(re.search(r"http://127\.0\.0\.1:\d+/", said).group(), timeout=30) as answer:
                assert answer.status == 200
        finally:
            app.terminate()
            app.communicate(timeout=60)
