"""Measure fillers: ``python evaluate.py protocol=NAME data.root=PATH ...``, the same as ``inlay evaluate ...``."""

from inlay.cli import start

if __name__ == "__main__":
    start("evaluate")
