"""``inlay``: what is neither training nor predicting.

Every command is a pair: its arguments, and a function that takes them. Heavy imports wait until those are understood.
"""

import argparse


def main() -> None:
    """Entry point of the ``inlay`` command."""
    args = _arguments(_parser())
    from inlay.errors import reported
    from inlay.printing import log_to_terminal

    log_to_terminal()
    with reported():
        args.run(args)


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
    from inlay.cli import app, data, doctor, evaluation, exchange, importing, masks

    parser = argparse.ArgumentParser(prog="inlay", description="Tools around training and prediction.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (data, masks, evaluation, app, doctor, exchange, importing):
        module.add_commands(commands)
    return parser
