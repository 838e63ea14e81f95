"""``inlay import``: weights that other projects published, as a folder that everything here opens."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay.printing import say

if TYPE_CHECKING:
    from inlay.convert import Imported

FAMILIES = ("naoto0804", "tdanet")


def add_commands(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser("import", help="turn weights that other projects published into a folder of ours")
    parser.add_argument(
        "--from",
        dest="family",
        choices=FAMILIES,
        required=True,
        help="whose: naoto0804 (partial convolutions, a file), or tdanet (the official code's, a folder)",
    )
    parser.add_argument("source", type=Path, metavar="PATH", help="the file, or the folder of <step>_net_E/G.pth")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where the weights go")
    parser.add_argument("--text", type=Path, metavar="FILE", help="tdanet: weights of the LSTM that reads captions")
    parser.add_argument(
        "--words", type=Path, metavar="FILE", help="tdanet: its words, one a line or a JSON list, in its own order"
    )
    parser.set_defaults(run=_import)


def _import(args: argparse.Namespace) -> None:
    from inlay.export.folder import write_folder

    imported = _imported(args)
    files = write_folder(args.to, imported.checkpoint, imported.card)
    say(imported.report)
    say(f"{args.to}: {', '.join(file.name for file in files)}. Fill holes with: inlay predict --model {args.to}")


def _imported(args: argparse.Namespace) -> "Imported":
    from inlay.convert import import_naoto0804, import_tdanet
    from inlay.errors import InlayError

    if args.family == "tdanet":
        if args.words and not args.text:
            raise InlayError(
                "--words needs --text, the weights of the encoder that reads them. Add it, or drop --words."
            )
        return import_tdanet(args.source, args.text, args.words)
    if args.text or args.words:
        raise InlayError("--text and --words are for --from tdanet; naoto0804's network reads no captions. Drop them.")
    return import_naoto0804(args.source)
