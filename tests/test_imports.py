"""Who may import whom (design, section 3), and what an import must not do."""

import ast
import pkgutil
import socket
import subprocess
import sys

import pytest
import torch

from inlay import models
from inlay.checkpoints.provenance import provenance
from inlay.images import write_picture
from tests.conftest import ROOT
from tests.pictures import half, picture, write_mask

SOURCE = ROOT / "src/inlay"

# A module may import those on earlier lines, and its own package.
TIERS = [
    {"printing", "programs", "shell"},
    {"buckets", "cache", "errors", "types", "lazy", "schedules"},
    {"files", "ops", "parallel", "processes", "randomness"},
    {"configs", "stopping"},
    {"device", "distributed", "precision", "pretrained"},
    {"diffusion", "images", "models"},
    {"losses", "metrics", "text"},
    {"masks"},
    {"checkpoints", "data"},
    {"text_image"},
    {"tasks"},
    {"fillers"},
    {"pipeline"},
    {"app", "convert", "doctor", "export", "prediction", "runs"},
    {"evaluation"},
    {"tuning"},
    {"callbacks"},
    {"cli"},
    {"__main__"},
]
ONLY_IN = {
    "pytorch_lightning": {"tasks", "callbacks", "data/datamodule.py", "cli/training.py", "tuning/learning_rate.py"},
    "lightning_fabric": {"callbacks", "cli/training.py"},
    "lightning": set(),
    "hydra": {"cli"},
    "omegaconf": {"cli"},
    "albumentations": {"data/transforms.py"},
}
NEEDS_TORCH = {  # of data
    *("datamodule", "demo", "loader", "mask_context", "parts", "samples", "transforms"),
}
FILES = [*sorted(SOURCE.rglob("*.py")), ROOT / "train.py", ROOT / "predict.py", ROOT / "evaluate.py"]


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


def attributes(path):
    """Such as ``hydra.utils.instantiate``."""
    return (ast.unparse(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute))


@pytest.mark.parametrize("path", [p for p in FILES if p.name != "__init__.py" and p.parent != ROOT], ids=name_of)
def test_modules_import_only_what_stands_left_of_them(path):
    own = name_of(path).split("/")[0].removesuffix(".py")
    used = {m.split(".")[1] for m in imports(path) if m.startswith("inlay.")} - {own, "__version__"}
    assert {m for m in used if tier(m) >= tier(own)} == set()


@pytest.mark.stranger("B.13")
def test_nothing_asks_for_what_windows_lacks():
    assert [name_of(path) for path in FILES if "fcntl" in set(imports(path))] == []


def test_hydra_builds_objects_in_one_place():
    """So that Hydra 1.4, which wants a list of targets with each call, is one edit."""
    asked = {name_of(path) for path in FILES if "hydra.utils.instantiate" in {*imports(path), *attributes(path)}}
    assert asked == {"cli/building.py"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_frameworks_stay_in_their_rooms(path):
    name = name_of(path)
    for framework, rooms in ONLY_IN.items():
        if any(m.split(".")[0] == framework for m in imports(path)):
            assert name in rooms or name.split("/")[0] in rooms, f"{name} imports {framework}"


def fresh(code, *arguments):
    run = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, cwd=ROOT)
    return run.stdout.splitlines()


def loaded_by(*stages, suspects):
    """Which of the suspects a fresh interpreter has loaded, after each stage of imports."""
    ask = f"print(*(m for m in {suspects!r} if m in sys.modules))"
    code = "\n".join(["import sys", *(f"import {', '.join(stage)}; {ask}" for stage in stages)])
    return [line.split() for line in fresh(code)]


def test_indexes_are_made_without_torch_and_samples_without_lightning():
    """It would cost every process that decodes pictures seconds and memory."""
    paths = [path.relative_to(SOURCE.parent).with_suffix("") for path in sorted((SOURCE / "data").rglob("*.py"))]
    names = [".".join(path.parts).removesuffix(".__init__") for path in paths]
    light = [name for name in names if name.rpartition(".")[2] not in NEEDS_TORCH]
    assert len(light) > 15
    samples = [name for name in names if name.rpartition(".")[2] not in ("datamodule", "demo")]
    stages = light, ["inlay.models", "inlay.losses", "inlay.masks"], samples
    loaded = loaded_by(*stages, suspects=("torch", "pytorch_lightning", "hydra", "albumentations"))
    assert loaded == [[], ["torch"], ["torch", "albumentations"]]


HELP = """
import runpy, sys
for entry in sys.argv[1:]:
    entry, *words = entry.split()
    sys.argv = [entry, *words, "--help"]
    try:
        (runpy.run_path if entry.endswith(".py") else runpy.run_module)(entry, run_name="__main__")
    except SystemExit as stop:
        loaded = [m for m in ("torch", "pytorch_lightning", "numpy") if m in sys.modules]
        print("ended:", entry, *words, stop.code or 0, loaded)
"""


def test_entries_answer_help_before_heavy_imports():
    entries = ["train.py", "evaluate.py", "inlay", "inlay predict"]
    lines = fresh(HELP, *entries)
    assert [line for line in lines if line.startswith("ended:")] == [f"ended: {entry} 0 []" for entry in entries]
    assert sum(line.startswith("usage:") or "powered by hydra" in line.lower() for line in lines) >= len(entries)


PREDICTION = """
import sys
from inlay.cli.predict import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
print(*sorted({module.split(".")[0] for module in sys.modules} | {m for m in sys.modules if m.count(".") == 1}))
"""
NOT_FOR_PCONV = {
    *("albumentations", "gradio", "huggingface_hub", "hydra", "jinja2", "lightning_fabric", "matplotlib", "omegaconf"),
    *("onnx", "onnxruntime", "pandas", "pyarrow", "pytorch_lightning", "scipy", "skimage", "sklearn", "tokenizers"),
    *("torch._dynamo", "torch._inductor", "torchmetrics", "torchvision", "transformers", "wandb"),
    *("inlay.data", "inlay.losses", "inlay.masks", "inlay.metrics", "inlay.tasks", "inlay.text", "inlay.models.damsm"),
}


def test_a_partial_convolution_fills_a_picture_without_what_only_others_need(tmp_path):
    size = {"levels": 4, "width": 4}
    held = {f"net.{name}": value for name, value in models.PConvUNet(**size).state_dict().items()}
    config = {"model": {"_target_": "inlay.models.PConvUNet", **size}}
    torch.save({"inlay": provenance(config), "state_dict": held}, tmp_path / "tiny.ckpt")
    write_picture(tmp_path / "image.png", picture(size=(40, 50)))
    write_mask(tmp_path / "mask.png", half(40, 50))
    given = {"image": "image.png", "mask": "mask.png", "model": "tiny.ckpt", "output": "filled.png"}
    loaded = fresh(PREDICTION, *(f"--{option}={tmp_path / name}" for option, name in given.items()))[-1].split()
    assert {"inlay.fillers", "torch"} <= {*loaded}
    assert NOT_FOR_PCONV & {*loaded} == set()
    assert (tmp_path / "filled.png").exists()


def test_a_package_that_waits_has_what_it_names():
    home = models.__name__
    assert all(pkgutil.resolve_name(f"{home}.{name}").__module__.startswith(home) for name in models.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Unheard'"):
        _ = models.Unheard


def test_the_network_is_blocked():
    with socket.socket() as s, pytest.raises(RuntimeError, match="reached for the network"):
        s.connect(("192.0.2.1", 80))
