"""Checkpoints: plain data that carries its own configuration, opened without running any code of theirs."""

from inlay.checkpoints.building import build_network, build_text_encoder, load_matching_weights, load_text
from inlay.checkpoints.reading import AVERAGE, META_KEY, other_version, read, settings, training_size, weights
from inlay.checkpoints.resolve import resolve_checkpoint

__all__ = [
    "AVERAGE",
    "META_KEY",
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
