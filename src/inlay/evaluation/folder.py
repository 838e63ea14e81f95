"""What lies where in the folder of an evaluation."""

from dataclasses import dataclass
from pathlib import Path

ORIGINAL = "the original"
"""The name of the true pictures beside the fillers, none of which can have it."""
WRITTEN = ("results.json", "results.parquet", "table.md", "table.tex", "report.html")
"""Results for programs, a row for each case and filler, the tables to be read and for papers, the page."""


@dataclass(frozen=True)
class EvalFolder:
    """The paths in the folder of an evaluation, below its ``root``."""

    root: Path

    @property
    def rows(self) -> Path:
        """Where the shards write their numbers."""
        return self.root / "rows"

    def numbers(self, filler: str, probe: str) -> Path:
        """Where the shards write the numbers of a filler and a probe."""
        return self.rows / file_name(filler) / file_name(probe)

    def original(self, picture: int) -> Path:
        """The truth of a picture, as it was cut for the protocol."""
        return self.root / "pictures/original" / f"{picture:06d}.png"

    def mask(self, picture: int, hole: str) -> Path:
        """A hole of a picture, white."""
        return self.root / "pictures/mask" / f"{case_name(picture, hole)}.png"

    def filled(self, filler: str, picture: int, hole: str) -> Path:
        """A filled picture."""
        return self.root / "pictures/filled" / file_name(filler) / f"{case_name(picture, hole)}.png"


def file_name(name: str) -> str:
    """The name of a filler or a probe in paths."""
    return name.replace("/", "__")


def case_name(picture: int, hole: str) -> str:
    """The name of a hole of a picture in paths."""
    return f"{picture:06d}_{hole.replace('/', '_')}"
