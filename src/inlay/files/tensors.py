"""Files that ``torch.save`` wrote, opened as plain data: no code of theirs runs, and none becomes larger than it is."""

import mmap
import zipfile
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from inlay.errors import BadFile
from inlay.files.reading import open_regular

_ARCHIVE = b"PK\x03\x04"
_LONG, _LOCATOR, _END = b"PK\x06\x06", b"PK\x06\x07", b"PK\x05\x06"  # the last records; the first two for large ones
_CODE = "/code/"  # where TorchScript keeps sources, packed; nothing here reads them
_TAIL = 56 + 20 + 22  # bytes of them
_SIZED = b"\nbytearray\n"  # in a pickle: as many zeros as a number says; the one such thing that PyTorch lets pass
_SHARED = 4  # names that one tensor has, on average; tied weights have two
_SLACK = 2**20  # bytes, for small files


def load_plain(path: str | Path, mapped: bool = False) -> Any:
    """Load what ``torch.save`` wrote, on the CPU: tensors, numbers, strings, lists, dicts.

    Args:
        path: of the file.
        mapped: tensors are read when they are looked at; for archives alone, as PyTorch writes them since 1.6.

    Raises:
        BadFile: it is missing or no regular file; or so made that it would become larger in memory than on the disk.
        Exception: what PyTorch raises on files that are damaged or hold code, which has no common base.
    """
    with open_regular(path) as file:
        size = file.seek(0, 2)
        file.seek(0)
        if file.read(len(_ARCHIVE)) == _ARCHIVE:
            check_archive(path, file, size)
        elif size:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                _check_sizes(path, content.find(_SIZED) >= 0)
    content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    _check_backed(path, content, size)
    return content


def check_archive(path: str | Path, file: IO[bytes], size: int) -> None:
    """Refuse an archive whose entries are packed, overlap, or may be others to PyTorch, which reads it anew."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        read = [each for each in entries if _CODE not in each.filename]
        if packed := [each.filename for each in read if each.compress_type != zipfile.ZIP_STORED]:
            raise BadFile(path, f"{packed[0]!r} is packed, which PyTorch never does. The file is not to be trusted.")
        sizes = [max(each.file_size if each in read else 0, each.compress_size) for each in entries]
        names = {each.filename.lower() for each in entries}  # PyTorch takes either case
        if sum(sizes) > size or len(names) < len(entries) or _lists_of_entries(file, size) != {archive.start_dir}:
            raise BadFile(path, "an archive whose entries lie in each other. The file is not to be trusted.")
        for entry in entries:
            if entry.filename.lower().endswith(".pkl"):
                _check_sizes(path, _SIZED in archive.read(entry))


def _lists_of_entries(file: IO[bytes], size: int) -> set[int]:
    """Where its last records say that the list of an archive's entries is; empty where they do not follow each other.

    Readers differ in which record they believe, and in where they look if the list is not there.
    """
    file.seek(max(size - _TAIL, 0))
    tail = file.read().rjust(_TAIL)
    long, locator, end = tail[:56], tail[56:76], tail[76:]
    places = {end[16:20]} - {b"\xff" * 4}
    if locator.startswith(_LOCATOR):
        if not long.startswith(_LONG) or int.from_bytes(locator[8:16], "little") != size - _TAIL:
            return set()
        places.add(long[48:56])
    return {int.from_bytes(place, "little") for place in places} if end.startswith(_END) else set()


def _check_sizes(path: str | Path, sized: bool) -> None:
    if sized:
        raise BadFile(path, "asks for memory by a number. The file is not to be trusted.")


def _check_backed(path: str | Path, content: Any, size: int) -> None:
    """Refuse data that is more than its file holds: strides of 0, one memory under many names, lists of themselves."""
    waiting, count, claimed = [("", content)], 0, 0
    stored: dict[int, int] = {}
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(str(key), item) for key, item in value.items()]
        elif isinstance(value, list | tuple | set):
            waiting += [(name, item) for item in value]
        elif isinstance(value, Tensor):
            if value.layout != torch.strided or value.device.type != "cpu" or value.is_quantized:
                raise BadFile(path, f"{name} is no plain tensor. The file is not to be trusted.")
            memory = value.untyped_storage()
            if value.nbytes > memory.nbytes():
                raise BadFile(path, f"{name} is {tuple(value.shape)} in a file with fewer numbers. Damaged.")
            claimed += value.nbytes
            stored[memory.data_ptr()] = memory.nbytes()
        count += 1
        if count + len(waiting) > size or claimed > _SHARED * size + _SLACK:
            raise _too_much(path)
    if sum(stored.values()) > _SHARED * size + _SLACK:
        raise _too_much(path)


def _too_much(path: str | Path) -> BadFile:
    return BadFile(path, "would take more memory than the file has bytes. It is not to be trusted.")
