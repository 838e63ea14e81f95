"""Trained fillers as graphs that run without Inlay: ONNX for browsers and phones, programs for PyTorch alone."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import GraphModule

import inlay
from inlay.errors import InlayError
from inlay.export.wrappers import ExportModule, exporting, parts_of, traced
from inlay.files import held, remove_leftovers, replacing_all
from inlay.fillers.onnx_file import FACTS, library, session

if TYPE_CHECKING:
    from onnx import ModelProto

log = logging.getLogger(__name__)

OPSET = 20  # of ONNX: what onnxruntime reads from 1.17 on
LIMIT = 2**31  # bytes that one ONNX file can have
TOLERANCE = 1e-4  # largest difference of an ONNX graph's output from PyTorch's


def export_onnx(checkpoint_path: Path, target: Path) -> list[Path]:
    """Write a checkpoint as ONNX, for any number of pictures of any height and width.

    ``target`` takes ``image``, ``(B, 3, H, W)`` float32 in ``[0, 1]``, and ``mask``, ``(B, 1, H, W)`` with 1 = hole,
    and returns ``filled``: it erases the hole, pads, and puts known pixels back bit for bit. Then follows what else
    the network takes: ``features``, ``sentence`` and ``word_mask``, which ``NAME.text.onnx`` makes of
    tokens; a ``reference`` picture; ``noise`` (zeros for the mean). JSON under ``inlay`` in the metadata holds the
    tokenizer and the origin of the model.

    Args:
        checkpoint_path: a checkpoint that ``inlay train`` wrote, or a folder that ``inlay export`` did.
        target: a path that ends in ``.onnx``.

    Returns:
        The files, whole and compared with PyTorch; in case of an error none is written.

    Raises:
        InlayError: see :func:`~inlay.export.wrappers.parts_of`; or a part cannot be exported.
    """
    require_onnx()
    return _export(checkpoint_path, target, ".onnx", _compared_onnx)


def require_onnx() -> None:
    """Raise :class:`InlayError` where a library that writes or computes ONNX files is missing."""
    for name in ("onnx", "onnxscript", "onnxruntime"):
        library(name)


def export_program(checkpoint_path: Path, target: Path) -> list[Path]:
    """Write a checkpoint as a program for ``torch.export.load``, for any number of pictures of any height and width.

    Inputs and outputs are those of :func:`export_onnx`, in order; a text encoder becomes ``NAME.text.pt2``. The extra
    file ``inlay`` holds JSON: the tokenizer, and the origin of the model.

    Returns:
        The files, whole; in case of an error none is written.

    Raises:
        InlayError: see :func:`~inlay.export.wrappers.parts_of`; or a part cannot be exported.
    """
    return _export(checkpoint_path, target, ".pt2", _program)


def write_outputs(contents: Mapping[Path, bytes]) -> list[Path]:
    """Write files that belong together: all are complete before the first one takes its name.

    Returns:
        Their paths, in order.

    Raises:
        InlayError: another process writes there, or nobody may.
        OSError: there is no room; nothing is left behind then.
    """
    first = next(iter(contents))
    with held(first.parent, "inlay export", part=first.name):
        for path in contents:
            remove_leftovers(path.parent, path.name)
        with replacing_all(*contents) as files:
            for file, content in zip(files, contents.values(), strict=True):
                file.write(content)
    return [*contents]


def _export(
    checkpoint_path: Path, target: Path, suffix: str, translate: Callable[[ExportModule, ExportedProgram], bytes]
) -> list[Path]:
    if target.suffix != suffix:
        raise InlayError(f"--to {target}: must end in {suffix}.")
    contents: dict[Path, bytes] = {}
    for part in parts_of(checkpoint_path):
        path = target.with_suffix(part.suffix + suffix)
        log.info("%s: tracing %s for every size, a minute or so.", path, part.facts["family"])
        program = traced(part)
        with exporting(part):
            contents[path] = translate(part, program)
    return write_outputs(contents)


def _program(part: ExportModule, program: ExportedProgram) -> bytes:
    program = program.run_decompositions({})  # for inference: autocast around loops could not be written
    for module in program.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, GraphModule) else ():
            node.meta.pop("stack_trace", None)  # lines of our source, with the paths of this machine
    file = BytesIO()
    torch.export.save(program, file, extra_files={FACTS: json.dumps(part.facts, ensure_ascii=False)})
    return file.getvalue()


def _compared_onnx(part: ExportModule, program: ExportedProgram) -> bytes:
    content = onnx_of(part, program)
    compare(part, content)
    return content


def onnx_of(part: ExportModule, program: ExportedProgram) -> bytes:
    """The content of an ONNX file. Raises :class:`InlayError` where it is larger than one can be."""
    exported = torch.onnx.export(
        program,
        dynamo=True,
        verbose=False,
        opset_version=OPSET,
        input_names=[*part.inputs],
        output_names=[*part.outputs],
        custom_translation_table={torch.ops.aten.avg_pool2d.default: _average_pool},
    )
    assert exported is not None
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    ClearMetadataAndDocStringPass()(exported.model)  # lines of our source, with the paths of this machine
    model = exported.model_proto
    _name_sizes(part, model)
    model.producer_name, model.producer_version = "inlay", inlay.__version__
    entry = model.metadata_props.add()
    entry.key, entry.value = FACTS, json.dumps(part.facts, ensure_ascii=False)
    if model.ByteSize() >= LIMIT:
        raise InlayError(f"{part.facts['family']} cannot be exported: it is larger than one ONNX file can be, 2 GB.")
    content: bytes = model.SerializeToString()
    return content


def _average_pool(
    self: Any,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """Average pooling with a divisor of its own, which the exporter leaves out."""
    from onnxscript import opset20 as op

    kernel, steps, pads = (
        [*numbers] * (2 // len(numbers)) for numbers in (kernel_size, stride or kernel_size, padding)
    )
    pooled = op.AveragePool(
        self,
        ceil_mode=int(ceil_mode),
        count_include_pad=int(count_include_pad),
        kernel_shape=kernel,
        pads=pads * 2,
        strides=steps,
    )
    return pooled if divisor_override is None else op.Mul(pooled, kernel[0] * kernel[1] / divisor_override)


def _name_sizes(part: ExportModule, model: "ModelProto") -> None:
    """Give open sizes the names that we know them by; the exporter numbers them."""
    del model.graph.value_info[:]  # speaks of the numbers
    for values, known in ((model.graph.input, part.inputs), (model.graph.output, part.outputs)):
        for value in values:
            for size, axis in zip(value.type.tensor_type.shape.dim, known[value.name], strict=True):
                if isinstance(axis, str):
                    size.dim_param = axis


def compare(part: ExportModule, content: bytes, tolerance: float = TOLERANCE) -> None:
    """Compare with PyTorch, for a size that was not traced: exporters leave out in silence what they do not know.

    Raises:
        InlayError: the largest difference is more than ``tolerance``.
    """
    inputs = part.example(3, 75)
    with torch.inference_mode():
        expected = part(*inputs)
    given = {name: value.numpy() for name, value in zip(part.inputs, inputs, strict=True)}
    outputs = session(content, torch.device("cpu")).run(None, given)
    for output, wanted in zip(outputs, [expected] if isinstance(expected, Tensor) else expected, strict=True):
        gap = np.abs(np.asarray(output, np.float64) - wanted.double().numpy()).max()
        if not gap <= tolerance:
            raise InlayError(
                f"{part.facts['family']} cannot be exported: as ONNX its output differs by {gap:.2g}. "
                "Export it with the versions of onnxscript and torch that Inlay names."
            )
