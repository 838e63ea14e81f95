"""``inlay``: everything that is done from a shell.

``train``, ``predict`` and ``evaluate`` are programs, modules here that can run by themselves. Every other command is a
pair: its arguments, and a function that takes them. Heavy imports wait until those are understood.
"""

import argparse
import runpy
import sys

PROGRAMS = {
    "train": "train a network: experiment=NAME group=choice key=value ...",
    "predict": "fill the holes of a picture, or of a folder of them",
    "evaluate": "measure how well networks and classical algorithms fill: protocol=NAME key=value ...",
}


def main() -> None:
    """Entry point of the ``inlay`` command."""
    if sys.argv[1:2] and sys.argv[1] in PROGRAMS:
        return start(sys.argv.pop(1))
    from inlay.errors import interrupted, reported
    from inlay.printing import log_to_terminal

    with interrupted("the command ended before it was done."), reported():  # importing takes seconds, too
        args = _arguments(_parser())
        log_to_terminal()
        args.run(args)
    return None


def start(program: str) -> None:
    """Run a program with the words of ``sys.argv``, as ``python -m inlay.cli.PROGRAM`` would.

    Lightning starts the further processes of a training in this very way.
    """
    runpy.run_module(f"{__name__}.{program}", run_name="__main__", alter_sys=True)


def _arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Understand the command line; settings may stand anywhere, also behind options, where argparse takes none."""
    from inlay.cli.homes import in_options

    args, rest = parser.parse_known_args()
    if rest and (not hasattr(args, "settings") or any(word.startswith("-") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        args.settings = [*args.settings, *rest]
    return in_options(args)


def _parser() -> argparse.ArgumentParser:
    from inlay.cli import app, data, doctor, evaluation, export, masks, replay, tune

    parser = argparse.ArgumentParser(
        prog="inlay", description="Train networks that fill holes in pictures, use them, measure them, give them away."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for program, purpose in PROGRAMS.items():
        commands.add_parser(program, help=purpose)
    for module in (tune, replay, data, masks, evaluation, app, doctor, export):
        module.add_commands(commands)
    return parser
