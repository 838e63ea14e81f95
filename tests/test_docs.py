"""What the documents say can be typed, and their links lead somewhere."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from inlay.cli import _parser
from inlay.cli.homes import in_settings
from inlay.cli.predict import parse
from inlay.images import Picture, write_picture
from tests.composing import configure
from tests.conftest import ROOT, SHARED

DOCUMENTS = sorted(path for place in (".", "docs", "data", "masks") for path in (ROOT / place).glob("*.md"))
LINES = sorted(
    {
        line.strip().partition("  ")[0]  # a remark follows
        for path in DOCUMENTS
        for line in re.sub(r"\\\n\s*", "", path.read_text()).splitlines()
        if re.match(r"    inlay (?!.*(\.\.\.|\[-))", line)
    }
)


@pytest.mark.stranger("17.B.7")
@pytest.mark.parametrize("line", LINES)
def test_a_command_is_understood(line, monkeypatch):
    _, program, *words = shlex.split(line)
    if program in ("train", "evaluate"):
        one = [word.partition(",")[0] if words[0] == "-m" else word for word in words if word != "-m"]
        configure(*in_settings(one), config=program)
    elif program == "predict":
        monkeypatch.setattr(sys, "argv", ["predict", *words])
        parse()
    else:
        _parser().parse_args([program, *words])


@pytest.mark.stranger("17.B.7")
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


ELSEWHERE = {  # what needs more than this machine
    "inlay app": "is a server (tests/app)",
    "inlay push": "uploads",
    "inlay data download": "downloads",
    "inlay import": "needs weights that are downloaded (tests/convert)",
    "classes=zero_shot": "needs lists of classes that are downloaded (tests/data/datasets)",
}
SHORT = {  # a few small steps of whatever a line trains, and a small test of whatever it evaluates
    "train": "iterations=2 validate_every=2 data.num_workers=0 data.image_size=128 data.batch_size=2 "
    "task.compile=false",
    "evaluate": "protocol.size=64 protocol.pictures=2",
}
DATA = {"PICTURES": "pictures", "PLACES2": "places", "CUB": "cub", "PATH/TO/CUB": "cub", "PATH": "pictures"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    rng = np.random.default_rng(0)
    hole = np.zeros((64, 64, 3), np.uint8)
    hole[20:40, 20:40] = 255
    places = (
        f"places/{name}_00000001.jpg" for name in ("data_256/a/abbey/1", "data_256/a/abbey/2", "val_256/Places365_val")
    )
    folders = (f"{place}/{k}.png" for place in ("photos", "pictures") for k in range(4))
    for name in ("photo.jpg", "bird.jpg", *folders, *places):
        write_picture(folder / name, Picture(rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)))
    for name in ("mask.png", *(f"masks/{k}.png" for k in range(4))):
        write_picture(folder / name, Picture(hole))
    for path in DOCUMENTS:  # files whose content a document shows, below a comment with their name
        for name, content in re.findall(r"^    # (\w+\.yaml).*\n((?:    .+\n)+)", path.read_text(), re.MULTILINE):
            (folder / name).write_text(textwrap.dedent(content))
    for name, place in {"cub": "cub", "data/cub": "cub", "data/pets": "pets"}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).symlink_to(SHARED / place)
    _run(folder, "inlay train experiment=demo iterations=2 run_dir=RUN")
    for name in ("o", "outputs/demo", "outputs/pconv", "outputs/pconv_rgb"):
        shutil.copytree(folder / "RUN", folder / name)
    shutil.copy(folder / "RUN/checkpoints/best.ckpt", folder / "CKPT")
    for name, filler in {"a": "telea", "b": "mean", "compared": "telea", "other": "mean"}.items():
        _run(folder, f"inlay evaluate protocol=smoke data=demo fillers={filler} run_dir=outputs/{name}")
    _run(folder, "inlay data prepare cub --root data/cub --out data/cub.jsonl")
    return folder


def _run(folder, line):
    command = [sys.executable, "-m", *shlex.split(line)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, env=dict(os.environ))
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_a_command_runs(line, desk, shared_data):
    for part, reason in ELSEWHERE.items():
        if part in line:
            pytest.skip(f"{part} {reason}")
    if line.startswith("inlay train"):
        one = [word.partition(",")[0] for word in shlex.split(line)[2:] if word != "-m"]
        if "vgg" in configure(*in_settings(one)).loss.get("extractors", {}):
            line += " loss.extractors.vgg.weights=random"
        line = line.replace("trainer=gpu", "") + " trainer=cpu"
    line = re.sub(r"(?<=data\.root=)[A-Z/\d]+", lambda word: DATA[word[0]], line)
    _run(desk, f"{line} {SHORT.get(line.split()[1], '')}".replace("compare outputs/ev", "compare outputs/compared"))
