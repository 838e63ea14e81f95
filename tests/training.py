"""Training in tests: the real entry point in-process, on tiny data."""

import csv

import torch

from tests.composing import configure
from tests.models.model_tester import TINY_TDANET

TINY = [
    "trainer=cpu",
    "data.image_size=32",
    "data.batch_size=2",
    "data.num_workers=0",
    "data.crop_scale=[0.5,1.0]",
    "model.width=4",
    "model.levels=4",
    "loss=pixel",
    "iterations=4",
    "validate_every=2",
    "trainer.log_every_n_steps=1",
]

TINY_TEXT = [  # tiny models and data for recipes that read
    *(setting for setting in TINY if not setting.startswith(("model.", "loss="))),
    *TINY_TDANET,
    "text=gru",
    "text.dim=8",
    "text.embedding=8",
    "discriminator=residual",
    "discriminator.channels=[8,8]",
    "discriminator.attention=1",
    "data.listing.captions=beside",
    "task.samples=1",
]
TINY_LAMA = [
    *(setting for setting in TINY if not setting.startswith(("model.", "loss="))),
    "model.width=4",
    "model.blocks=1",
    "loss=lama_pixel",
    "discriminator.channels=[4,4]",
    "discriminator.strides=[2,1]",
]
TDANET = ["model=tdanet", "loss=tdanet", "task=tdanet", "optimizer=adam_gan", "callbacks=averaged"]


def train(run_dir, *overrides, tiny=TINY, preflight=False):
    """Run train.py's own function; returns what it returns.

    What is measured before the first step takes as long as the steps, and changes nothing; who tests it asks for it.
    """
    from inlay.cli import training as entry

    short = [] if preflight else ["~callbacks.preflight"]
    return entry.train(configure(f"run_dir={run_dir}", *tiny, *overrides, *short))


def weights(run_dir, name="last"):
    return torch.load(run_dir / f"checkpoints/{name}.ckpt", weights_only=True)


def metrics(run_dir, column):
    with (run_dir / "metrics.csv").open() as file:
        return [float(row[column]) for row in csv.DictReader(file) if row.get(column)]
