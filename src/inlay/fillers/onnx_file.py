"""ONNX files, checked before onnxruntime runs them."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from inlay.errors import BadFile, InlayError, Missing, one_line
from inlay.files import read_bytes

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, TensorProto

FACTS = "inlay"
"""The entry of a file's metadata that describes the model, as JSON."""
FORMAT = 1

_STANDARD = {"", "ai.onnx"}
_LARGEST = 2**31  # bytes of a file: what the format allows
_PATIENCE = 10  # seconds that a node may take to its end after Ctrl-C


class Model:
    """An ONNX file that was checked, and its session.

    Raises:
        Missing: onnx or onnxruntime is not installed, or has no part for the device.
        BadFile: the file is missing, damaged, or not to be trusted.

    Attributes:
        facts: the description that :mod:`inlay.export` wrote into its metadata.
        identity: the digest of the file, as :func:`inlay.checkpoints.files.digest` has it.
        inputs: names and shapes of its inputs, in order: numbers, and names of open sizes.
        outputs: names of its outputs, in order.
    """

    def __init__(self, path: Path, device: torch.device) -> None:
        self.path, self.device = path, device
        content = _read(path)
        self.identity = f"sha256:{sha256(content).hexdigest()[:16]}"
        self.facts, checked = _checked(path, content)
        try:
            self.session = session(checked, device)
        except Missing:
            raise
        except Exception as error:  # of classes that onnxruntime keeps to itself
            raise BadFile(path, f"onnxruntime cannot load it ({one_line(error)}). Export the model again.") from error
        self.inputs: dict[str, list[Any]] = {value.name: list(value.shape) for value in self.session.get_inputs()}
        self.outputs = [value.name for value in self.session.get_outputs()]

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        """Run the graph; outputs are on the CPU.

        Raises:
            InlayError: onnxruntime gave up, for want of memory mostly.
        """
        given = {
            name: np.ascontiguousarray(value.cpu().numpy()) for name, value in zip(self.inputs, inputs, strict=True)
        }
        options = library("onnxruntime").RunOptions()
        options.log_severity_level = 4

        def stop() -> None:
            options.terminate = True

        try:
            answers = _interruptible(lambda: self.session.run(None, given, options), stop)
        except Exception as error:
            size = "x".join(str(side) for side in inputs[0].shape[:1:-1])
            raise InlayError(
                f"{self.path}: onnxruntime gave up at a size of {size} ({one_line(error)}). Give it smaller pictures."
            ) from error
        return [torch.from_numpy(np.asarray(answer)) for answer in answers]


def library(name: str) -> Any:
    """Import a library that only ONNX needs; :class:`Missing` where it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise Missing(f"ONNX needs {name} ({error}): pip install 'inlay[export]'.") from None


def session(content: bytes, device: torch.device) -> Any:
    """A session of onnxruntime for a file's content; exceptions are its own, if it cannot be loaded.

    Raises:
        Missing: onnxruntime is not installed, or has no part for the device.
    """
    runtime, provider = library("onnxruntime"), _provider(device)
    options = runtime.SessionOptions()
    options.add_session_config_entry("session.load_model_format", "ONNX")  # what was checked, or it would guess
    options.log_severity_level = 4  # it says what it has to say in exceptions, too
    options.intra_op_num_threads = torch.get_num_threads()
    return runtime.InferenceSession(content, options, providers=[provider])


def _interruptible(work: Callable[[], Any], stop: Callable[[], None]) -> Any:
    """Result of work outside of Python, which would not notice Ctrl-C: that stops it."""
    answer: Future[Any] = Future()

    def run() -> None:
        try:
            answer.set_result(work())
        except BaseException as error:  # raised where it is waited for
            answer.set_exception(error)

    Thread(target=run, daemon=True).start()
    try:
        while not wait([answer], 1).done:  # a signal that another thread was given is seen by then
            pass
    except BaseException:
        stop()
        wait([answer], _PATIENCE)
        raise
    return answer.result()


def _provider(device: torch.device) -> str:
    names = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
    there = library("onnxruntime").get_available_providers()
    if names.get(device.type) not in there:
        possible = ", ".join(name for name in names if names[name] in there)
        raise Missing(
            f"device={device}: onnxruntime computes on {possible} here. Use device=cpu, "
            "or pip install onnxruntime-gpu in place of onnxruntime for device=cuda."
        )
    return names[device.type]


def _read(path: Path) -> bytes:
    if not path.exists():
        raise BadFile(path, "no such file. Check the path; NAME.onnx and NAME.text.onnx belong together.")
    return read_bytes(path, _LARGEST)


def _checked(path: Path, content: bytes) -> tuple[dict[str, Any], bytes]:
    """The facts of a file that asks for nothing but its own numbers and standard operators; and its content again.

    The content is written anew from what was understood here: onnxruntime, which may know more, sees nothing else.
    """
    try:
        model: ModelProto = library("onnx").load_model_from_string(content)
        facts = {entry.key: entry.value for entry in model.metadata_props}.get(FACTS)
    except Missing:
        raise
    except Exception as error:
        raise BadFile(
            path, f"not a readable ONNX file ({type(error).__name__}). It is damaged; use another."
        ) from error
    for graph in _graphs(model):
        _refuse_strangers(path, graph)
    if len(model.functions):
        raise BadFile(path, "defines operators of its own. The file is not to be trusted.")
    try:
        known = json.loads(facts or "null")
    except (ValueError, RecursionError):
        known = None
    if not isinstance(known, dict) or known.get("format") != FORMAT:
        raise BadFile(path, "not a model that this version of Inlay exported. Give one that inlay export wrote.")
    model.DiscardUnknownFields()
    return known, model.SerializeToString()


def _refuse_strangers(path: Path, graph: "GraphProto") -> None:
    for tensor in _tensors(graph):
        if tensor.data_location == type(tensor).EXTERNAL or len(tensor.external_data):
            raise BadFile(path, "wants numbers from another file. It is not to be trusted; Inlay exports single files.")
    for node in graph.node:
        if node.domain not in _STANDARD:
            raise BadFile(path, f"wants the operator {node.op_type} of {node.domain}. It is not to be trusted.")


def _graphs(model: "ModelProto") -> Iterator["GraphProto"]:
    """The graph, and all that are nested in it."""
    waiting = [model.graph]
    while waiting:
        graph = waiting.pop()
        yield graph
        for attribute in (attribute for node in graph.node for attribute in node.attribute):
            waiting += [attribute.g, *attribute.graphs] if attribute.HasField("g") else attribute.graphs


def _tensors(graph: "GraphProto") -> Iterator["TensorProto"]:
    """All tensors that a graph names, those of sparse ones, too."""
    yield from graph.initializer
    sparse = [*graph.sparse_initializer]
    for node in graph.node:
        for attribute in node.attribute:
            yield from [attribute.t, *attribute.tensors]
            sparse += [attribute.sparse_tensor, *attribute.sparse_tensors]
    for each in sparse:
        yield from (each.values, each.indices)
