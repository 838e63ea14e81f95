"""``inlay app``: a page in the browser, to paint holes and fill them."""

import argparse
from typing import Any


def add_commands(commands: Any) -> None:
    """Add the command to a parser."""
    app = commands.add_parser(
        "app",
        help="a page in the browser, on this machine: paint a hole and fill it",
        epilog="The page is on 127.0.0.1 and nowhere else. From another machine: ssh -L 7860:127.0.0.1:7860 HOST.",
    )
    app.add_argument(
        "--model",
        action="append",
        default=[],
        help="a checkpoint or exported folder (PATH or model:PATH), telea, navier_stokes, biharmonic, mean, or a .yaml "
        "file; given several times, the page offers a choice (default: those four, which need no training)",
    )
    app.add_argument("--port", type=int, help="of the page (default: 7860, or the next that is free)")
    app.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, mps")
    app.add_argument("--precision", default="32", help="what networks compute in: 32 (default), bf16, 16")
    app.add_argument("--megapixels", type=float, default=50, help="the largest picture that is taken (default 50)")
    app.add_argument("--megabytes", type=int, default=100, help="the largest file that is taken (default 100)")
    app.add_argument(
        "--kept-megabytes", type=int, default=2000, help="all files together that are kept for a while (default 2000)"
    )
    app.add_argument("--seconds", type=float, default=300, help="the longest fill, all samples together (default 300)")
    app.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    from inlay.app.filling import MODEL_NAMES, open_models
    from inlay.app.limits import Limits
    from inlay.app.server import check_port, serve

    check_port(args.port)
    limits = Limits(
        pixels=args.megapixels * 1_000_000,
        megabytes=args.megabytes,
        kept_megabytes=args.kept_megabytes,
        seconds=args.seconds,
    )
    serve(open_models(args.model or [*MODEL_NAMES], args.device, args.precision), limits, args.port)
