"""Captions to tokens to features of words and sentence; shapes and masks: :class:`inlay.types.TextFeatures`."""

from inlay.text.base import TextEncoder, Tokenizer
from inlay.text.recurrent import GRUEncoder, LSTMEncoder
from inlay.text.transformer import BERTEncoder, CLIPEncoder

__all__ = ["BERTEncoder", "CLIPEncoder", "GRUEncoder", "LSTMEncoder", "TextEncoder", "Tokenizer"]
