"""Checkpoint files that are whole or absent."""

import os
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO

from inlay.errors import InlayError


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write beside the target, flush to disk, rename.

    Lightning's own writer goes through TMPDIR and copies when that is another file system; a run killed in the
    middle then leaves half a checkpoint under the final name.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Save, or leave what was there before untouched.

        Raises:
            InlayError: the disk refuses.
        """
        path = Path(path)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
            raise InlayError(
                f"{path}: the checkpoint could not be written ({error}). Free space, then resume."
            ) from error
        finally:
            temporary.unlink(missing_ok=True)
