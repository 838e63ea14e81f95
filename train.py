"""Train a network: ``python train.py experiment=NAME key=value ...``, the same as ``inlay train ...``."""

from inlay.cli import start

if __name__ == "__main__":
    start("train")
