"""Filling pictures on disk: what ``predict.py`` does."""

from inlay.prediction.request import Request
from inlay.prediction.run import predict

__all__ = ["Request", "predict"]
