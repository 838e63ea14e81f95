"""Who may import whom (design, section 3), and what an import must not do."""

import ast
import subprocess
import sys

import pytest

from tests.conftest import ROOT

SOURCE = ROOT / "src/inlay"

# A module may import those on earlier lines, and its own package.
TIERS = [
    {"buckets", "cache", "checkpoint_files", "errors", "types", "ops", "provenance", "randomness", "frozen"},
    {"distributed", "hub", "precision", "pretrained"},
    {"images", "losses", "metrics", "models", "text"},
    {"masks"},
    {"checkpoints", "data"},
    {"matchers"},
    {"tasks"},
    {"fillers"},
    {"demo", "prediction", "replay", "resume", "runs"},
    {"evaluation"},
    {"tuning"},
    {"callbacks"},
    {"cli"},
]
ONLY_IN = {
    "pytorch_lightning": {"tasks", "callbacks", "data/datamodule.py", "cli/training.py"},
    "lightning_fabric": {"callbacks", "cli/training.py"},
    "lightning": set(),
    "hydra": {"cli", "train.py", "evaluate.py"},
    "omegaconf": {"cli", "train.py", "evaluate.py"},
    "albumentations": {"data/transforms.py"},
}
NEEDS_TORCH = {"datamodule", "demo", "holes", "loader", "samples", "transforms"}  # of the modules of data
FILES = [*sorted(SOURCE.rglob("*.py")), ROOT / "train.py", ROOT / "predict.py", ROOT / "evaluate.py"]


def room_of(path):
    return name_of(path).split("/")[0].removesuffix(".py")


def tier(room):
    return next(i for i, names in enumerate(TIERS) if room in names)


def name_of(path):
    return path.relative_to(SOURCE if SOURCE in path.parents else ROOT).as_posix()


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", [p for p in FILES if p.name != "__init__.py" and p.parent != ROOT], ids=name_of)
def test_modules_import_only_what_stands_left_of_them(path):
    own = room_of(path)
    used = {m.split(".")[1] for m in imports(path) if m.startswith("inlay.")} - {own, "__version__"}
    assert {m for m in used if tier(m) >= tier(own)} == set()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_frameworks_stay_in_their_rooms(path):
    name = name_of(path)
    for framework, rooms in ONLY_IN.items():
        if any(m.split(".")[0] == framework for m in imports(path)):
            assert name in rooms or name.split("/")[0] in rooms, f"{name} imports {framework}"


def loaded_by(*stages, suspects):
    """Which of the suspects a fresh interpreter has loaded, after each stage of imports."""
    ask = f"print(*(m for m in {suspects!r} if m in sys.modules))"
    code = "\n".join(["import sys", *(f"import {', '.join(stage)}; {ask}" for stage in stages)])
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return [line.split() for line in answer.splitlines()]


def modules_of_data():
    for path in sorted((SOURCE / "data").rglob("*.py")):
        yield "inlay." + path.relative_to(SOURCE).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")


def test_indexes_are_made_without_torch():
    """It would cost every process that decodes pictures seconds and memory."""
    light = [name for name in modules_of_data() if name.rpartition(".")[2] not in NEEDS_TORCH]
    assert len(light) > 15
    assert loaded_by(light, suspects=("torch", "pytorch_lightning", "hydra", "albumentations")) == [[]]


def test_networks_losses_and_samples_load_without_lightning_and_hydra():
    rooms = ["inlay.models", "inlay.losses", "inlay.masks"]
    samples = [name for name in modules_of_data() if name.rpartition(".")[2] not in ("datamodule", "demo")]
    loaded = loaded_by(rooms, samples, suspects=("pytorch_lightning", "hydra", "albumentations"))
    assert loaded == [[], ["albumentations"]]


@pytest.mark.parametrize("command", ["predict.py", "train.py", "evaluate.py", "inlay.cli"])
def test_entries_answer_help_before_heavy_imports(command):
    code = (
        "import sys, runpy; sys.argv = [sys.argv[1], '--help']\n"
        "run = runpy.run_path if sys.argv[0].endswith('.py') else runpy.run_module\n"
        "try:\n    run(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        "print([m for m in ('torch', 'pytorch_lightning', 'numpy') if m in sys.modules], file=sys.stderr)"
    )
    answer = subprocess.run([sys.executable, "-c", code, command], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stderr.strip().endswith("[]")
    assert answer.stdout.strip()


def test_the_network_is_blocked():
    import socket

    with socket.socket() as s, pytest.raises(RuntimeError, match="reached for the network"):
        s.connect(("192.0.2.1", 80))
