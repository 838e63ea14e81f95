"""How a run's checkpoint files are named, whether they are whole, and their digests."""

import hashlib
import re
import zipfile
from pathlib import Path

from inlay.errors import InlayError
from inlay.files import open_regular, read_bytes, read_text

_LONGEST_NAME = 64
_SIDECAR = 2**12  # bytes


def step_file(folder: Path, step: int) -> Path:
    """Path of the checkpoint that a run writes after some iterations."""
    return folder / f"step_{step:07d}.ckpt"


def step_files(folder: Path) -> dict[int, Path]:
    """The checkpoints in a folder by the number of iterations."""
    found = ((re.fullmatch(r"step_(\d+)\.ckpt", path.name), path) for path in folder.glob("step_*.ckpt"))
    return {int(match[1]): path for match, path in found if match}


def sidecar(path: str | Path) -> Path:
    """The file that holds a checkpoint's SHA-256, as ``sha256sum`` writes it."""
    return Path(f"{path}.sha256")


def resolved(path: str | Path) -> Path:
    """The file that a name such as ``best.ckpt`` stands for; any other is itself.

    Runs write their checkpoints as ``step_0000600.ckpt``. ``last.ckpt`` and ``best.ckpt`` are links to them, or where a
    disk or system has no links, small files that hold such a name.
    """
    path = Path(path)
    path = path.resolve() if path.is_symlink() else path
    try:
        if path.is_file() and path.stat().st_size <= _LONGEST_NAME:
            name = re.fullmatch(rb"(step_\d+\.ckpt)\s*", read_bytes(path, _LONGEST_NAME))
            return path.with_name(name[1].decode()) if name else path
    except (OSError, InlayError):
        pass  # whoever opens it says what is wrong
    return path


def is_whole(path: Path) -> bool:
    """Whether a checkpoint is what was written: by its SHA-256, or without one by the checksums of the archive."""
    path = resolved(path)
    try:
        with open_regular(path) as file:
            if sidecar(path).exists():
                expected = read_text(sidecar(path), _SIDECAR).split()[:1]
                return expected == [hashlib.file_digest(file, "sha256").hexdigest()]
            archive = zipfile.ZipFile(file)
            packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist())  # not by us
            return not packed and archive.testzip() is None
    except (OSError, InlayError, zipfile.BadZipFile, EOFError):
        return False


def digest(path: str | Path) -> str:
    """Identity of a file's content, or of all files in a folder: ``sha256:`` and 16 hexadecimal digits."""
    path = resolved(path)
    if path.is_dir():
        found = (file for file in sorted(path.rglob("*")) if file.is_file())
        listing = "".join(f"{file.relative_to(path)} {digest(file)}\n" for file in found)
        return f"sha256:{hashlib.sha256(listing.encode()).hexdigest()[:16]}"
    with open_regular(path) as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"
