"""Weights of a metric's network: a file that a setting names."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inlay.errors import InlayError, Missing, one_line
from inlay.files.tensors import load_plain


@dataclass(frozen=True)
class WeightsFile:
    """The weights of a metric's network: a file that a setting names, and that is never downloaded.

    Args:
        path: of the file; None where none was named.
        key: the setting that names it, such as ``weights.lpips``.
        network: what messages call the network.
        origin: the address that the file can be had from.

    Raises:
        Missing: no file was named; the message says which one it is.
    """

    path: str | None
    key: str
    network: str
    origin: str

    def __post_init__(self) -> None:
        if self.path is None:
            raise Missing(f"no weights of {self.network}. {self._remedy}")

    @property
    def _remedy(self) -> str:
        return f"Get {Path(self.origin).name} from {self.origin} and name its place: {self.key}=PATH."

    def state(self) -> Any:
        """What the file holds, on the CPU: a state dict, if all is well.

        Raises:
            InlayError: the file is missing or damaged.
        """
        assert self.path is not None
        if not Path(self.path).exists():
            raise InlayError(f"{self.key}={self.path}: no such file. {self._remedy}")
        try:
            return load_plain(self.path)
        except Exception as error:  # what torch raises on other people's files has no common base
            raise self.does_not_fit(error) from error

    def does_not_fit(self, error: Exception) -> InlayError:
        """What to raise where the file turns out to hold something else.

        Args:
            error: what it led to.
        """
        return InlayError(
            f"{self.key}={self.path}: not a state dict of {self.network} ({one_line(error)}). {self._remedy}"
        )
