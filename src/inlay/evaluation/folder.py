"""What lies where in the folder of an evaluation."""

from dataclasses import dataclass
from pathlib import Path

ORIGINAL = "the original"
"""The name of the true pictures beside the fillers, none of which can have it."""


@dataclass(frozen=True)
class EvalFolder:
    """The folder of an evaluation.

    Attributes:
        root: the folder itself.
    """

    root: Path

    @property
    def results(self) -> Path:
        """All numbers, with protocol and provenance."""
        return self.root / "results.json"

    @property
    def parquet(self) -> Path:
        """A row for each case and filler."""
        return self.root / "results.parquet"

    @property
    def markdown(self) -> Path:
        """The tables, to be read as text."""
        return self.root / "table.md"

    @property
    def latex(self) -> Path:
        """The tables, for papers."""
        return self.root / "table.tex"

    @property
    def report(self) -> Path:
        """The page."""
        return self.root / "report.html"

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
