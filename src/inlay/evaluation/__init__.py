"""How well fillers fill: on frozen protocols, by hole ratio, side by side."""

from inlay.evaluation.protocol import EvalProtocol

__all__ = ["EvalProtocol"]
