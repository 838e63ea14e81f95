"""``inlay data``: indexes and downloads."""

import argparse
from pathlib import Path
from typing import Any

from inlay.cli.building import instantiate
from inlay.cli.settings import compose_config
from inlay.errors import InlayError
from inlay.parallel import cores
from inlay.printing import say


def add_commands(commands: Any) -> None:
    """Add the commands to a parser."""
    data = commands.add_parser("data", help="datasets").add_subparsers(required=True, metavar="ACTION")

    prepare = data.add_parser("prepare", help="find, decode and count the pictures of a dataset once, into an index")
    prepare.add_argument("dataset", help="how it lies on disk, as for data=: folder, places2, cub, pets, flist")
    prepare.add_argument("--root", type=Path, required=True, help="its folder")
    prepare.add_argument("--out", type=Path, required=True, help="the index, a .jsonl file")
    _add_workers(prepare)
    prepare.add_argument("settings", nargs="*", metavar="data.KEY=VALUE", help="data.listing.*, data.on_damaged=keep")
    prepare.set_defaults(run=_prepare)

    check = data.add_parser("check", help="compare an index with the files it names")
    check.add_argument("index", type=Path)
    check.add_argument("--root", type=Path, help="the dataset's folder, if it has moved")
    _add_workers(check)
    check.set_defaults(run=_check)

    download = data.add_parser("download", help="fetch a dataset")
    download.add_argument("dataset", choices=("pets",))
    download.add_argument("--root", type=Path, required=True, help="where to")
    download.set_defaults(run=_download)


def _add_workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=int, help="processes that decode (default: one a core)")


def _prepare(args: argparse.Namespace) -> None:
    from inlay.data.prepare import prepare, refused_file

    data = compose_config([f"data={args.dataset}", *args.settings]).data
    if not data.get("listing"):
        raise InlayError(f"{args.dataset}: has no files to index. Choose folder, places2, cub, pets or flist.")
    workers = cores() if args.workers is None else args.workers
    report = prepare(instantiate(data.listing), args.root, args.out, workers, on_damaged=data.on_damaged)
    say(report)
    if not report.kept:
        raise InlayError(
            f"{args.out}: an index of 0 pictures. Check --root; {refused_file(args.out)} lists the refused."
        )
    say(f"{args.out} is the index" + (f", {refused_file(args.out)} lists what it refused" if report.refused else ""))


def _check(args: argparse.Namespace) -> None:
    from inlay.data.check import check, root_of

    root = args.root or root_of(args.index)
    sound, wrong = check(args.index, root, cores() if args.workers is None else args.workers)
    for file, reason in wrong:
        say(f"{file}: {reason}")
    if not sound and not wrong:
        raise InlayError(f"{args.index}: an index of 0 pictures. Make it anew with `inlay data prepare`.")
    say(f"{sound + len(wrong):,} pictures in {args.index}: {sound:,} sound, {len(wrong):,} not")
    if wrong:
        raise InlayError(
            f"{len(wrong)} files under {root} are not as the index says. Make it anew with `inlay data prepare`."
        )


def _download(args: argparse.Namespace) -> None:
    from inlay.data.download import download_pets

    download_pets(args.root)
