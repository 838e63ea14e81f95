"""``inlay export``, ``inlay push``, ``inlay import``: networks that go to others, and come from them."""

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay.errors import InlayError
from inlay.printing import say

if TYPE_CHECKING:
    from inlay.convert import Imported
    from inlay.export.exporting import CardFields

FAMILIES = ("aot", "deepfillv2", "lama", "naoto0804", "tdanet")

_ONNX, _TORCH = ".onnx", ".pt2"
_PAGE = "page"
_BARE = {"onnx": _ONNX, "torch": _TORCH}


def add_commands(commands: Any) -> None:
    """Add the commands to a parser."""
    export = commands.add_parser("export", help="write a checkpoint for others: safetensors and a card, ONNX, torch")
    export.add_argument("checkpoint", help="a file that `inlay train` wrote")
    target = (
        "a new FOLDER (safetensors, JSON and a model card), FILE.onnx, FILE.pt2, or a folder called page (a web page "
        "that fills pictures in the browser); onnx or torch: beside the checkpoint"
    )
    export.add_argument("--to", required=True, metavar="TARGET", help=target)
    runtime = "page: the files of onnxruntime-web, dist of its package; without it npm gets them"
    export.add_argument("--runtime", type=Path, metavar="FOLDER", help=runtime)
    _add_card_fields(export)
    export.set_defaults(run=_export)

    push = commands.add_parser("push", help="upload a checkpoint or an exported folder to the Hugging Face hub")
    push.add_argument("checkpoint", help="a file that `inlay train` wrote, or a folder that `inlay export` wrote")
    push.add_argument("--to", required=True, metavar="ORG/NAME", help="the repository, made if it is not there")
    push.add_argument("--private", action="store_true", help="of a repository that is made: for you alone")
    _add_card_fields(push)
    push.set_defaults(run=_push)

    incoming = commands.add_parser("import", help="turn weights that other projects published into a folder of ours")
    incoming.add_argument(
        "--from",
        dest="family",
        choices=FAMILIES,
        required=True,
        help="whose: aot (AOT-GAN's G*.pt), deepfillv2 (nipponjo's file), lama (best.ckpt, its folder, or "
        "big-lama.pt), naoto0804 (partial convolutions, a file), or tdanet (the official code's, a folder)",
    )
    incoming.add_argument("source", type=Path, metavar="PATH", help="the file, or the folder of <step>_net_E/G.pth")
    incoming.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where the weights go")
    incoming.add_argument("--text", type=Path, metavar="FILE", help="tdanet: weights of the LSTM that reads captions")
    incoming.add_argument(
        "--words", type=Path, metavar="FILE", help="tdanet: its words, one a line or a JSON list, in its own order"
    )
    incoming.set_defaults(run=_import)


def _add_card_fields(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--license", metavar="L", help="of the weights, for the card: apache-2.0, cc-by-nc-4.0, other")
    parser.add_argument("--name", metavar="N", help="of the model, for the card (default: the run's)")
    results = "results.json of an evaluation of this checkpoint, for the card"
    parser.add_argument("--results", type=Path, metavar="FILE", help=results)


def _export(args: argparse.Namespace) -> None:
    from inlay.checkpoints import resolve_checkpoint

    suffix = _BARE.get(args.to)
    target = Path(args.checkpoint.rstrip("/")).with_suffix(suffix) if suffix else Path(args.to)
    for file in _written(resolve_checkpoint(args.checkpoint), target, args):
        say(file)


def _written(path: Path, target: Path, args: argparse.Namespace) -> list[Path]:
    is_page = target.name == _PAGE
    if args.runtime and not is_page:
        raise InlayError(f"--runtime is for a page, --to FOLDER/{_PAGE}. Leave it out.")
    if is_page:
        from inlay.export.page import export_page

        _refuse_card_fields(args, f"--to {args.to}: a page has no card")
        return export_page(path, target, args.runtime)
    if target.suffix not in (_ONNX, _TORCH):
        from inlay.export.exporting import export_folder

        return export_folder(path, target, _card_fields(args))
    _refuse_card_fields(args, f"--to {args.to}: a {target.suffix} file has no card")
    if target.suffix == _ONNX:
        from inlay.export.graphs import export_onnx

        return export_onnx(path, target)
    from inlay.export.graphs import export_program

    return export_program(path, target)


def _push(args: argparse.Namespace) -> None:
    from inlay.checkpoints import resolve_checkpoint
    from inlay.export.hub import push_folder

    path = resolve_checkpoint(args.checkpoint)
    if path.is_dir():
        _refuse_card_fields(args, f"{path}: has its card already")
        say(push_folder(path, args.to, args.private))
        return
    if not args.license:
        raise InlayError("give --license: nobody may use weights that have none. apache-2.0, cc-by-nc-4.0, other, ...")
    from inlay.export.exporting import export_folder

    with tempfile.TemporaryDirectory() as folder:
        export_folder(path, Path(folder), _card_fields(args))
        say(push_folder(Path(folder), args.to, args.private))


def _card_fields(args: argparse.Namespace) -> "CardFields":
    from inlay.export.exporting import CardFields

    return CardFields(args.license, args.name, args.results)


def _refuse_card_fields(args: argparse.Namespace, why: str) -> None:
    if given := [f"--{name}" for name in ("license", "name", "results") if getattr(args, name)]:
        raise InlayError(f"{why}, and {' and '.join(given)} would do nothing. Leave it out.")


def _import(args: argparse.Namespace) -> None:
    from inlay.export.folder import write_folder

    imported = _imported(args)
    files = write_folder(args.to, imported.checkpoint, imported.card, training=True)
    say(imported.report)
    say(f"{args.to}: {', '.join(file.name for file in files)}. Fill holes with: inlay predict --model {args.to}")


def _imported(args: argparse.Namespace) -> "Imported":
    from inlay import convert

    if args.family == "tdanet":
        if args.words and not args.text:
            raise InlayError(
                "--words needs --text, the weights of the encoder that reads them. Add it, or drop --words."
            )
        return convert.import_tdanet(args.source, args.text, args.words)
    if args.text or args.words:
        raise InlayError("--text and --words are for --from tdanet; no other network here reads captions. Drop them.")
    of_one_file = {
        "aot": convert.import_aot,
        "deepfillv2": convert.import_deepfillv2,
        "lama": convert.import_lama,
        "naoto0804": convert.import_naoto0804,
    }
    return of_one_file[args.family](args.source)
