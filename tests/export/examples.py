"""Tiny checkpoints as runs store them."""

import io
import os
import pickle
import zipfile

import torch

from inlay.checkpoints import META_KEY
from inlay.models import PConvUNet, TDANet
from inlay.text import GRUEncoder

PCONV = {"levels": 4, "width": 4}
SOFTWARE = {"version": "0.1.0", "git": "abc123", "packages": {"torch": "2.15.0"}, "step": 20}
CONFIG = {
    "model": {"_target_": "inlay.models.PConvUNet", **PCONV},
    "data": {
        "_target_": "inlay.data.datamodule.IndexedData",
        "root": "/home/ann/photos",
        "index": "/home/ann/photos.jsonl",
        "listing": {"_target_": "inlay.data.datasets.Folder", "captions": None},
        "image_size": 32,
        "batch_size": 2,
    },
    "masks": {"_target_": "inlay.masks.MaskFiles", "root": "/home/ann/masks", "ratio": [0.1, 0.4]},
    "loss": {"_target_": "inlay.losses.WeightedSum", "terms": {"hole": {"weight": 6}}},
    "task": {"_target_": "inlay.tasks.ReconstructionTask", "text_image": {"checkpoint": "/home/ann/damsm.ckpt"}},
    "callbacks": {"items": {"folder": "/home/ann/runs/tiny"}},
    "run_dir": "/home/ann/runs/tiny",
    "run_name": "tiny",
    "run_id": "29fc6105",
    "iterations": 20,
    "init_from": None,
}
SHAPE = {"encoder_channels": [8] * 4, "encoder_strides": [2, 1, 2, 2], "decoder_channels": [8] * 3}
SHAPE |= {"text_dim": 8, "latent": 8, "fusion_blocks": 1, "fusion_width": 8}
WORDS = {"vocabulary": ["a", "bird", "blue", "red", "with"], "dim": 8, "embedding": 4, "max_length": 6}


def pconv(seed=0):
    torch.manual_seed(seed)
    return PConvUNet(**PCONV)


def named(**parts):
    return {f"{part}.{key}": value for part, held in parts.items() for key, value in held.state_dict().items()}


def write(path, state, config, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": state, META_KEY: {**SOFTWARE, "config": config}, **more}, path)
    return path


def write_pconv(path, seed=0, config=CONFIG, **more):
    return write(path, named(net=pconv(seed)), config, **more)


def write_tdanet(path):
    torch.manual_seed(0)
    config = {
        "model": {"_target_": "inlay.models.TDANet", **SHAPE},
        "text": {"_target_": "inlay.text.GRUEncoder", **WORDS},
    }
    return write(path, named(net=TDANet(**SHAPE), text=GRUEncoder(**WORDS)), config)


def scene(size=(37, 50)):
    image, mask = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1)), torch.zeros(1, 1, *size)
    mask[..., 5:20, 10:30] = 1
    return image, mask


class Bomb:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return os.mkdir, (self.trace,)


def bombs(trace):
    """By what they are: files that would run code where they were trusted."""
    held = {"state_dict": {"net.weight": Bomb(trace)}, META_KEY: {"config": {}}}
    yield "pickle", pickle.dumps(held)
    for kind, modern in (("old torch", False), ("torch", True)):
        buffer = io.BytesIO()
        torch.save(held, buffer, _use_new_zipfile_serialization=modern)
        yield kind, buffer.getvalue()


def with_entry(archive, name, data=b"gone"):
    buffer = io.BytesIO(archive)
    with zipfile.ZipFile(buffer, "a") as opened:
        opened.writestr(name, data)
    return buffer.getvalue()
