"""Inlay trains models that fill holes in pictures, and uses them."""

__version__ = "0.1.0"
