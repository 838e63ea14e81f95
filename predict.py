"""Fill the hole of a picture: ``python predict.py --image I --mask M --model MODEL --output O [--text T]``."""

import argparse
import logging
from pathlib import Path


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Fill the hole of a picture. Known pixels stay exactly as they are.",
        epilog="The written files are printed, one a line. A text-guided model fills the hole with the mean of what it "
        "holds possible, always the same; --seed and --samples draw from it instead, and equal seeds draw equally.",
    )
    parser.add_argument("--image", type=Path, required=True, help="the picture, of any size")
    parser.add_argument("--mask", type=Path, required=True, help="white where the picture shall be filled")
    model = "a checkpoint that train.py wrote (PATH or model:PATH), or mean, telea, navier_stokes, biharmonic"
    parser.add_argument("--model", required=True, help=model)
    parser.add_argument("--output", type=Path, required=True, help="where to write; the suffix is the format")
    parser.add_argument("--text", help="what the hole shall show (text-guided models); without it the context decides")
    samples = "draw N pictures: OUTPUT_1.png with seed S, OUTPUT_2.png with S + 1, ...; 1 (default) writes OUTPUT"
    parser.add_argument("--samples", type=int, default=1, metavar="N", help=samples)
    seed = "draw with this seed; without it one picture is not drawn, and several count from seed 0"
    parser.add_argument("--seed", type=int, metavar="S", help=seed)
    parser.add_argument("--hole-is", choices=("white", "black"), default="white", help="color of the hole in --mask")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, mps")
    compare = "also write OUTPUT_compare.png: masked | filled, every sample | given, and the text below"
    parser.add_argument("--compare", action="store_true", help=compare)
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
