"""The page's folder: uploads, what is shown, what waits for its download; all of it within a limit."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from inlay.app.limits import closing
from inlay.errors import InlayError


class Room:
    """A folder with a limit in bytes: where it would be passed, the files of the oldest visit go first."""

    def __init__(self, folder: Path, most: float) -> None:
        self.folder, self.most = folder, most
        self._coming = 0
        self._lock, self._writing = Lock(), Lock()
        self._closed = False

    @contextmanager
    def reserved(self, size: int) -> Iterator[None]:
        """Keep room for a file while it comes in; an error where there is none."""
        with self._lock:
            if self._coming + size > self.most:
                raise InlayError("Too much is being handed in at once. Wait a little, then hand it in again.")
            self._coming += size
        try:
            self.tidy()
            yield
        finally:
            with self._lock:
                self._coming -= size

    @contextmanager
    def written(self) -> Iterator[Path]:
        """A new folder that nobody can guess, to write in; an error where the page has ended."""
        with self._writing:
            if self._closed:
                raise closing()
            folder = self.folder / secrets.token_urlsafe(16)
            folder.mkdir(parents=True)
            yield folder

    def close(self) -> None:
        """Let nothing more be written; what is being written ends first."""
        with self._writing:
            self._closed = True

    def tidy(self) -> None:
        """Remove files, the oldest first, until the others and what is coming in fit."""
        with self._lock:
            files = sorted(_files(self.folder))
            over = sum(size for _, size, _ in files) + self._coming - self.most
            for _, size, path in files:
                if over <= 0:
                    break
                path.unlink(missing_ok=True)
                over -= size


def _files(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """When each file was written, its size, and where it is."""
    for path in folder.rglob("*"):
        try:
            found = path.lstat()
        except OSError:  # removed meanwhile
            continue
        if not path.is_dir():
            yield found.st_ctime, found.st_size, path
