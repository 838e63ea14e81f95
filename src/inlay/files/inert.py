"""Archives of PyTorch that name classes of other programs, opened without one of those classes or any code of theirs.

Checkpoints of old versions of Lightning, and TorchScript modules, hold their tensors among objects. Here tensors and
plain data are read, and every other object is an empty :class:`Inert` one.
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from inlay.errors import BadFile
from inlay.files.reading import open_regular
from inlay.files.tensors import check_archive

_DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_DEEPEST = 32


class Inert:
    """What stands for an object, a class or a function that is not plain data. It does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> "Inert":
        """Take any arguments."""
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.state: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> "Inert":
        """Return another one."""
        return Inert()

    def __setstate__(self, state: Any) -> None:
        """Keep the state that the pickle gives it: attributes by name, as a rule."""
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        """Drop an entry."""

    def append(self, value: Any) -> None:
        """Drop an entry."""

    extend = append


def load_inert(path: str | Path) -> Any:
    """Load an archive of ``torch.save`` or ``torch.jit.save`` on the CPU, with :class:`Inert` for all but plain data.

    Raises:
        BadFile: it is missing, no such archive, damaged, or not to be trusted.
    """
    with open_regular(path) as file:
        size = file.seek(0, 2)
        file.seek(0)
        try:
            check_archive(path, file, size)
            with zipfile.ZipFile(file) as archive:
                (name,) = (each for each in archive.namelist() if each.endswith("/data.pkl") or each == "data.pkl")
                with archive.open(name) as pickled:
                    return _Reader(pickled, archive, name.removesuffix("data.pkl")).load()
        except BadFile:
            raise
        except Exception as error:  # what pickle raises on damaged files has no common base
            raise BadFile(path, f"cannot be read as an archive of PyTorch ({type(error).__name__}).") from error


def tensors_in(value: Any, name: str = "", depth: int = _DEEPEST) -> Iterator[tuple[str, Tensor]]:
    """The tensors of nested dictionaries and inert objects, by names that are joined with dots."""
    if isinstance(value, Inert):
        value = value.state
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, dict) and depth:
        for key, item in value.items():
            yield from tensors_in(item, f"{name}.{key}" if name else str(key), depth - 1)


class _Reader(pickle.Unpickler):
    """Knows tensors and ordered dictionaries, and takes every other name for an inert class."""

    def __init__(self, pickled: BinaryIO | Any, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(pickled)
        self.archive, self.folder = archive, folder
        self.known: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) in (("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_tensor")):
            return _tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _parameter
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        return type(name, (Inert,), {})

    def persistent_load(self, pid: Any) -> Tensor:
        kind, dtype, key, *_ = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not isinstance(key, str):
            raise pickle.UnpicklingError(f"no storage: {pid!r}")
        if key not in self.known:
            content = bytearray(self.archive.read(f"{self.folder}data/{key}"))
            self.known[key] = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
        return self.known[key]


def _tensor(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    view = storage.as_strided(size, stride, offset)
    if view.numel() > storage.numel():
        raise pickle.UnpicklingError(f"{tuple(size)} of fewer numbers")
    return view


def _parameter(data: Tensor, *_: Any) -> Tensor:
    return data
