"""Trained fillers as programs of ``torch.export``, which run in PyTorch without Inlay."""

import json
import logging
from io import BytesIO
from pathlib import Path

import torch
from torch.export import ExportedProgram
from torch.fx import GraphModule

from inlay.errors import InlayError
from inlay.export.outputs import write_outputs
from inlay.export.wrappers import exporting, parts_of, traced
from inlay.fillers.onnx_file import FACTS

log = logging.getLogger(__name__)


def export_program(checkpoint_path: Path, target: Path) -> list[Path]:
    """Write a checkpoint as a program for ``torch.export.load``, for any number of pictures of any height and width.

    Inputs and outputs are those of :func:`inlay.export.onnx.export_onnx`, in order; a text encoder becomes
    ``NAME.text.pt2``. The extra file ``inlay`` holds JSON: the tokenizer, and the origin of the model.

    Returns:
        The files, whole; in case of an error none is written.

    Raises:
        InlayError: see :func:`~inlay.export.wrappers.parts_of`; or a part cannot be exported.
    """
    if target.suffix != ".pt2":
        raise InlayError(f"--to {target}: must end in .pt2.")
    contents: dict[Path, bytes] = {}
    for part in parts_of(checkpoint_path):
        path = target.with_suffix(f"{part.suffix}.pt2")
        log.info("%s: tracing %s for every size, half a minute or so.", path, part.facts["family"])
        program = traced(part)
        file = BytesIO()
        with exporting(part):
            program = program.run_decompositions({})  # for inference: autocast around loops could not be written
            _forget_source(program)
            torch.export.save(program, file, extra_files={FACTS: json.dumps(part.facts, ensure_ascii=False)})
        contents[path] = file.getvalue()
    return write_outputs(contents)


def _forget_source(program: ExportedProgram) -> None:
    """Drop the lines of our source from a graph, with the paths of this machine."""
    for module in program.graph_module.modules():
        if isinstance(module, GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)
