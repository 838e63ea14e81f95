"""``inlay``: what is neither training nor predicting."""

import argparse
import logging
from pathlib import Path


def main() -> None:
    """Entry point of the ``inlay`` command."""
    args = _parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    from inlay.errors import reported  # heavy imports wait until the arguments are understood

    with reported():
        args.run(args)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="inlay", description="Tools around training and prediction.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    masks = commands.add_parser("masks", help="mask sets").add_subparsers(required=True, metavar="ACTION")
    generate = masks.add_parser("generate", help="draw masks once, into PNG files with a manifest")
    generate.add_argument("--family", choices=("strokes", "shapes", "boxes"), default="strokes", help="how holes look")
    generate.add_argument("--count", type=int, required=True, help="how many")
    generate.add_argument("--size", type=int, default=256, help="height and width in pixels (default 256)")
    generate.add_argument("--ratio", type=float, nargs=2, metavar=("LOW", "HIGH"), help="share that is hole")
    generate.add_argument("--border", type=float, default=0.0, help="untouched strip, share of the side (default 0)")
    generate.add_argument("--seed", type=int, default=0, help="of the set (default 0)")
    generate.add_argument("--out", type=Path, required=True, help="the folder")
    generate.set_defaults(run=_generate_masks)
    return parser


def _generate_masks(args: argparse.Namespace) -> None:
    from tqdm import tqdm

    from inlay.errors import InlayError
    from inlay.masks import Boxes, Shapes, Strokes, freeze

    if args.count < 1 or args.size < 16:
        raise InlayError(f"--count must be >= 1 and --size >= 16, got {args.count} and {args.size}.")
    family = {"strokes": Strokes, "shapes": Shapes, "boxes": Boxes}[args.family](
        ratio=tuple(args.ratio) if args.ratio else None, border=args.border
    )
    rows = freeze(family, args.family, args.count, args.size, args.seed, args.out)
    ratios = [row["ratio"] for row in tqdm(rows, total=args.count, desc="masks", unit="mask")]
    print(f"{len(ratios)} masks in {args.out}, hole ratio {min(ratios):.3f} to {max(ratios):.3f}")


if __name__ == "__main__":
    main()
