"""Filling pictures on disk: what ``inlay predict`` does."""

from inlay.prediction.request import Request
from inlay.prediction.run import predict

__all__ = ["Request", "predict"]
