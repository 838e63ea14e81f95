"""Checkpoints: plain data that carries its own configuration, opened without running any code of theirs."""

from inlay.checkpoints.building import build_network, build_text_encoder
from inlay.checkpoints.init_from import Transfer, load_text, transfer
from inlay.checkpoints.meta_init import Bounded
from inlay.checkpoints.reading import AVERAGE, KEY, other_version, read, settings, training_size, weights
from inlay.checkpoints.resolve import locate
from inlay.checkpoints.trust import check_trusted

__all__ = [
    "AVERAGE",
    "KEY",
    "Bounded",
    "Transfer",
    "build_network",
    "build_text_encoder",
    "check_trusted",
    "load_text",
    "locate",
    "other_version",
    "read",
    "settings",
    "training_size",
    "transfer",
    "weights",
]
