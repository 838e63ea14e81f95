"""``inlay predict --image I --mask M --model MODEL --output O``: fill holes of pictures, or of folders of them."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from inlay.cli.homes import in_options

if TYPE_CHECKING:
    from inlay.prediction import Request

_IN_REMEDIES = "mask_polarity|threshold|frame|strategy|batch|precision|device"


def main() -> None:
    """Run; the exit status is 0 only when all pictures were written."""
    args = parse()

    from inlay.errors import interrupted, reported  # heavy imports wait until the arguments are understood
    from inlay.printing import log_to_terminal, say

    log_to_terminal(as_typed)

    with reported(as_typed), interrupted():
        from inlay.prediction import predict

        for path in predict(to_request(args)):
            say(path)


def to_request(args: argparse.Namespace) -> "Request":
    """Build what the arguments describe.

    Raises:
        InlayError: arguments are out of range or exclude each other, or a region or composer cannot be built.
    """
    from inlay.pipeline import FillOptions, choose_composer, load_composer, load_region
    from inlay.prediction import Request

    rest = vars(args).copy()
    blend = {name: rest.pop(name) for name in ("blend", "feather", "dilate")}
    composer, region = rest.pop("composer"), rest.pop("region")
    options = FillOptions(
        strategy=rest.pop("strategy"),
        composer=load_composer(composer) if composer else choose_composer(**blend),
        batch=rest.pop("batch"),
    )
    return Request(options=options, region=load_region(region) if region else None, **rest)


def parse() -> argparse.Namespace:
    """Read the command line of ``inlay predict``."""
    parser = argparse.ArgumentParser(
        prog="inlay predict",
        description="Fill the holes of pictures. Known pixels stay exactly as they are, unless a blend is asked for.",
        epilog="The written files are printed, one a line; of several pictures, the report of what became of each. "
        "Killed and started again, it fills what is missing. torchrun -m inlay predict ... shares them out.",
    )
    where = parser.add_argument_group("pictures")
    images = "pictures of any size: files, folders, patterns such as 'photos/*.jpg'"
    where.add_argument("--image", nargs="+", required=True, metavar="PATH", help=images)
    masks = "white where a picture shall be filled: one file for all, or a folder or pattern of masks named as the "
    masks += "pictures; without it, what is transparent"
    where.add_argument("--mask", metavar="PATH", help=masks)
    region = (
        "instead of --mask: alpha, or a hole drawn with --seed: strokes, boxes, center; or a .yaml file (docs/use.md)"
    )
    where.add_argument("--region", metavar="NAME", help=region)
    frame = "page of a TIFF or frame of an animation, from 1; without it all pages are filled, and animations refused"
    where.add_argument("--frame", type=int, metavar="N", help=frame)
    where.add_argument(
        "--mask-polarity", choices=("white", "black"), default="white", help="color of the hole in masks"
    )
    threshold = (
        "share of full white from which a mask is white, 0 to 1; without it one half, and photographs are refused"
    )
    where.add_argument("--threshold", type=float, metavar="SHARE", help=threshold)
    output = "where to write: for one picture a file, whose suffix is the format; else a folder"
    where.add_argument("--output", type=Path, required=True, metavar="PATH", help=output)
    where.add_argument(
        "--format", choices=("same", "png", "webp", "tiff", "jpg"), default="same", help="of the files in a folder"
    )
    compare = "also write NAME_compare.png: masked | filled, every sample | given, and the text below"
    where.add_argument("--compare", action="store_true", help=compare)

    what = parser.add_argument_group("model")
    model = "a checkpoint of `inlay train` (PATH or model:PATH), a folder or .onnx file of `inlay export`, the name of "
    model += "such a folder on the Hugging Face hub; the folder of an inpainting pipeline of diffusers; mean, "
    model += "telea, navier_stokes, biharmonic; or a .yaml file"
    what.add_argument("--model", required=True, metavar="MODEL", help=model)
    what.add_argument("--text", help="what the holes shall show (text-guided models); without it the context decides")
    captions = "take the text of NAME.jpg from the first line of NAME.txt beside it"
    what.add_argument("--captions", action="store_true", help=captions)
    reference = "a picture to take content from (models that can): one file for all, or a folder of files named as the "
    reference += "pictures"
    what.add_argument("--reference", metavar="PATH", help=reference)
    samples = "draw N pictures: NAME_1.png with seed S, NAME_2.png with S + 1, ...; 1 (default) writes NAME.png"
    what.add_argument("--samples", type=int, default=1, metavar="N", help=samples)
    seed = "draw with this seed; without it one picture is not drawn, and several count from seed 0"
    what.add_argument("--seed", type=int, metavar="S", help=seed)
    what.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, mps")
    precision = "of the network's numbers: 32 (default), or bf16 or 16, which GPUs compute faster"
    what.add_argument("--precision", choices=("32", "bf16", "16"), default="32", help=precision)
    what.add_argument("--batch", type=int, default=4, metavar="N", help="windows in a batch (default 4)")

    how = parser.add_argument_group("large pictures and seams")
    strategy = "show the model the whole picture, a crop around each hole, overlapping tiles, or all of it resized and "
    strategy += "then the rim of the hole; auto (default) chooses and says so"
    how.add_argument("--strategy", choices=("auto", "whole", "crop", "tile", "resize"), default="auto", help=strategy)
    how.add_argument("--dilate", type=int, default=0, metavar="PX", help="replace PX pixels around the hole, too")
    how.add_argument("--feather", type=int, default=0, metavar="PX", help="blend over PX pixels around the hole")
    blend = "poisson keeps the prediction's gradients and takes colors from around the hole"
    how.add_argument("--blend", choices=("none", "poisson"), default="none", help=blend)
    composer = "instead of these three: hard, feather, poisson, or a .yaml file (docs/use.md)"
    how.add_argument("--composer", metavar="NAME", help=composer)

    args = parser.parse_args()
    if args.composer and (args.dilate or args.feather or args.blend != "none"):
        parser.error("--composer: says what --dilate, --feather and --blend say. Leave them out.")
    return in_options(args)


def as_typed(message: str) -> str:
    """A message whose remedies are Python arguments (``batch=1``), with options in their place: ``--batch 1``."""

    def option(found: re.Match[str]) -> str:
        return f"--{found[1].replace('_', '-')} {found[2]}"

    return re.sub(rf"(?<!\S)({_IN_REMEDIES})=([\w.]*\w)", option, message)


if __name__ == "__main__":
    main()
