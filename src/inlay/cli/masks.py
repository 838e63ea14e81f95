"""``inlay masks``: sets of masks, and a look at them."""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from inlay.cli.building import instantiate
from inlay.cli.settings import add_settings, compose_config, open_dataset, require
from inlay.errors import InlayError
from inlay.printing import say

if TYPE_CHECKING:
    from inlay.data.pictures import Pictures
    from inlay.masks.export import Drawn

COLUMNS = 6  # of the preview's sheet


def add_commands(commands: Any) -> None:
    """Add the commands to a parser."""
    masks = commands.add_parser("masks", help="mask sets").add_subparsers(required=True, metavar="ACTION")

    generate = masks.add_parser("generate", help="draw masks once, into PNG files with a manifest")
    add_settings(generate, "masks=strokes masks.ratio=[0.1,0.4]")
    generate.add_argument(
        "--count", type=int, help="how many; without it one for each picture of data=... data.root=..."
    )
    generate.add_argument("--split", help="of the dataset (default: the one that trains)")
    _add_set(generate, size=256, out="the folder")
    generate.set_defaults(run=_generate)

    buckets = masks.add_parser(
        "buckets", help="draw an evaluation set: hole ratios 1-10 to 50-60 %%, free and bordered"
    )
    add_settings(buckets, "masks=shapes")
    buckets.add_argument("--count", type=int, default=100, help="masks in each of the 12 folders (default 100)")
    _add_set(buckets, size=512, out="the folder")
    buckets.set_defaults(run=_buckets)

    preview = masks.add_parser("preview", help="draw a sheet of masks, with the hole ratio of each")
    add_settings(preview, "masks=mix, or masks=objects data=cub data.root=PATH")
    preview.add_argument("--count", type=int, default=24, help="how many (default 24)")
    preview.add_argument("--split", help="of the dataset, if one is given (default: the one that trains)")
    _add_set(preview, size=160, out="the picture")
    preview.set_defaults(run=_preview)


def _add_set(parser: argparse.ArgumentParser, size: int, out: str) -> None:
    parser.add_argument("--size", type=int, default=size, help=f"height and width in pixels (default {size})")
    parser.add_argument("--seed", type=int, default=0, help="of the set (default 0)")
    parser.add_argument("--out", type=Path, required=True, help=out)


def _generate(args: argparse.Namespace) -> None:
    from inlay.masks.export import draw_set

    _check(args)
    cfg = compose_config(args.settings)
    if args.count is None:
        if not _has_pictures(cfg):
            raise InlayError("give --count, or the pictures that the masks are for: data=... data.root=...")
        found = open_dataset(cfg.data, args.split or cfg.data.train_split)
        _write(args, _for_each(found, cfg, args.seed), len(found), _name(args.settings))
    else:
        _write(args, draw_set(_family(cfg), args.count, args.size, args.seed), args.count, _name(args.settings))


def _buckets(args: argparse.Namespace) -> None:
    from inlay.buckets import BUCKETS
    from inlay.masks.export import BORDERS, draw_buckets
    from inlay.masks.painted import PaintedMask

    _check(args)
    family = _family(compose_config(args.settings))
    if not isinstance(family, PaintedMask):
        raise InlayError(f"{_name(args.settings)} has no ratio and border to set. Use masks=strokes, shapes or boxes.")
    masks = draw_buckets(family, args.count, args.size, args.seed)
    _write(args, masks, args.count * len(BUCKETS) * len(BORDERS), _name(args.settings))


def _preview(args: argparse.Namespace) -> None:
    from inlay.images import contact_sheet, labeled, write_picture

    _check(args)
    cfg = compose_config(args.settings)
    tiles = [labeled(tile, text) for tile, text in (_seen(cfg, args) if _has_pictures(cfg) else _drawn(cfg, args))]
    write_picture(args.out, contact_sheet(tiles[i : i + COLUMNS] for i in range(0, len(tiles), COLUMNS)))
    say(f"{len(tiles)} masks in {args.out}, white = hole, with the share of the picture that is hole")


def _drawn(cfg: DictConfig, args: argparse.Namespace) -> Iterator[tuple[Any, str]]:
    """Masks alone."""
    import numpy as np

    from inlay.masks.export import draw_set

    for drawn in draw_set(_family(cfg), args.count, args.size, args.seed):
        yield np.repeat(drawn.mask[..., None].astype(np.float32), 3, axis=2), f"{drawn.mask.mean():.1%}"


def _seen(cfg: DictConfig, args: argparse.Namespace) -> Iterator[tuple[Any, str]]:
    """Pictures, white in the hole, as evaluation would cut them."""
    import numpy as np

    from inlay.data.parts import DrawMask
    from inlay.data.samples import EvaluationSamples, SampleConfig

    parts = {"mask": DrawMask(_family(cfg))}
    config = SampleConfig(parts=parts, size=args.size, seed=args.seed, on_bad_file="skip")
    samples = EvaluationSamples(open_dataset(cfg.data, args.split or cfg.data.train_split), config)
    for index in range(min(args.count, len(samples))):
        sample = samples[index]
        image = np.where(sample["mask"][..., None], np.uint8(255), sample["image"])
        yield image.astype(np.float32) / 255, f"{sample['mask'].mean():.1%}"


def _for_each(found: "Pictures", cfg: DictConfig, seed: int) -> "Iterator[Drawn]":
    """A mask for each picture; at the end, a list of those without."""
    from inlay.data.mask_context import draw_holes
    from inlay.images import SUFFIXES
    from inlay.masks.export import Drawn

    without = []
    for hole in draw_holes(found, _family(cfg), seed):
        if hole.mask is None:
            without.append(hole)
        else:
            name = hole.id.rpartition(".")[0] if hole.id.lower().endswith(SUFFIXES) else hole.id
            yield Drawn(name, hole.mask, hole.id)
    for hole in without:
        say(f"no mask for {hole.id}: {hole.reason}")
    say(f"{len(found):,} pictures, {len(without):,} without a mask")


def _write(args: argparse.Namespace, masks: "Iterable[Drawn]", total: int, family: str) -> None:
    from tqdm import tqdm

    from inlay.masks.export import write_set

    rows = tqdm(write_set(masks, family, args.seed, args.out), total=total, desc="masks", unit=" masks")
    ratios = [row["ratio"] for row in rows]
    if ratios:
        say(f"{len(ratios):,} masks in {args.out}, hole ratio {min(ratios):.3f} to {max(ratios):.3f}")


def _family(cfg: DictConfig) -> Any:
    """The mask family of the group masks."""
    require(sorted(OmegaConf.missing_keys(cfg.masks)))
    return instantiate(cfg.masks)


def _has_pictures(cfg: DictConfig) -> bool:
    return "root" in cfg.data and not OmegaConf.is_missing(cfg.data, "root")


def _name(settings: list[str]) -> str:
    """What was chosen of the group masks."""
    chosen = [setting.removeprefix("masks=") for setting in settings if setting.startswith("masks=")]
    return chosen[-1] if chosen else "strokes"


def _check(args: argparse.Namespace) -> None:
    from inlay.randomness import check_seed

    check_seed(args.seed)
    if args.count is not None and (args.count < 1 or args.size < 16):
        raise InlayError(f"--count must be >= 1 and --size >= 16, got {args.count} and {args.size}.")
