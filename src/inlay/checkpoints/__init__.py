"""Checkpoints: plain data that carries its own configuration, opened without running any code of theirs."""

from inlay.checkpoints.building import build_network, build_text_encoder, load_matching_weights, load_text
from inlay.checkpoints.reading import AVERAGE, META_KEY, other_version, read, settings, training_size, weights
from inlay.checkpoints.resolve import resolve_checkpoint
from inlay.checkpoints.teacher import Teacher

__all__ = [
    "AVERAGE",
    "META_KEY",
    "Teacher",
    "build_network",
    "build_text_encoder",
    "load_matching_weights",
    "load_text",
    "other_version",
    "read",
    "resolve_checkpoint",
    "settings",
    "training_size",
    "weights",
]
