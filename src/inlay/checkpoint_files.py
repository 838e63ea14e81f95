"""How a run's checkpoint files are named, whether they are whole, and which version a file is."""

import hashlib
import re
import zipfile
from pathlib import Path


def step_file(folder: Path, step: int) -> Path:
    """Where a run keeps the checkpoint after so many iterations."""
    return folder / f"step_{step:07d}.ckpt"


def step_files(folder: Path) -> dict[int, Path]:
    """The checkpoints in a folder by iterations."""
    found = ((re.fullmatch(r"step_(\d+)\.ckpt", path.name), path) for path in folder.glob("step_*.ckpt"))
    return {int(match[1]): path for match, path in found if match}


def sidecar(path: str | Path) -> Path:
    """The file that holds a checkpoint's SHA-256, as ``sha256sum`` writes it."""
    return Path(f"{path}.sha256")


def is_whole(path: Path) -> bool:
    """Whether a checkpoint is what was written: by its SHA-256, or without one by the checksums of the archive."""
    path = path.resolve()
    try:
        with path.open("rb") as file:
            if sidecar(path).exists():
                said = sidecar(path).read_text().split()[:1]
                return said == [hashlib.file_digest(file, "sha256").hexdigest()]
            return zipfile.ZipFile(file).testzip() is None
    except (OSError, zipfile.BadZipFile, EOFError):
        return False


def digest(path: str | Path) -> str:
    """Which version a file is, or all files of a folder: ``sha256:`` and 16 hexadecimal digits."""
    path = Path(path)
    if path.is_dir():
        told = "".join(
            f"{file.relative_to(path)} {digest(file)}\n" for file in sorted(path.rglob("*")) if file.is_file()
        )
        return f"sha256:{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"
