"""Fill the hole of a picture: ``python predict.py --image I --mask M --model CKPT --output O``."""

import argparse
import logging
from pathlib import Path


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Fill the hole of a picture with a trained network.")
    parser.add_argument("--image", type=Path, required=True, help="the picture, of any size")
    parser.add_argument("--mask", type=Path, required=True, help="white where the picture shall be filled")
    parser.add_argument("--model", type=Path, required=True, help="a checkpoint that train.py wrote")
    parser.add_argument("--output", type=Path, required=True, help="where to write; the suffix is the format")
    parser.add_argument("--hole-is", choices=("white", "black"), default="white", help="color of the hole in --mask")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, mps")
    parser.add_argument("--compare", action="store_true", help="also write OUTPUT_compare.png: masked | filled | given")
    return parser.parse_args()


def main() -> None:
    """Run; the exit status is 0 only when the picture was written."""
    args = parse()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")

    from inlay.errors import reported  # heavy imports wait until the arguments are understood
    from inlay.prediction import Request, predict

    with reported():
        for path in predict(Request(**vars(args))):
            print(path)


if __name__ == "__main__":
    main()
