"""``inlay doctor``: whether everything is here and works, and what to do where it does not."""

import argparse
from typing import Any


def add_commands(commands: Any) -> None:
    """Add the command to a parser."""
    doctor = commands.add_parser(
        "doctor",
        help="what is installed, what is missing, what to do about it",
        epilog="The exit status is 1 where something keeps Inlay from working, else 0, also with warnings.",
    )
    doctor.add_argument("--all", action="store_true", help="a line for each thing that is absent, and how to get it")
    doctor.add_argument("--json", action="store_true", help="for programs: everything as one JSON object")
    doctor.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    from inlay.doctor import examine
    from inlay.doctor.report import as_json, show

    if args.json:
        text, state = as_json(examine())
        print(text)
    else:
        state = show(examine(), args.all)
    if state == "problem":
        raise SystemExit(1)
