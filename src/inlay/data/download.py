"""Fetching a dataset, when asked to: announced, resumable, verified."""

import hashlib
import logging
import os
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tqdm import tqdm

from inlay.data.datasets import Pets
from inlay.data.filesystem import Tree
from inlay.data.records import RejectedFile
from inlay.errors import InlayError

log = logging.getLogger(__name__)

_CHUNK = 1 << 20  # bytes
_TIMEOUT = 60.0  # seconds without a byte
_UNPACKING = ".unpacking"
_ALL_OF_IT, _NOTHING_BEYOND = 200, 416  # HTTP's answers to a request for the rest of a file


def download_pets(root: str | os.PathLike[str]) -> Path:
    """Fetch Oxford-IIIT Pet, about 800 MB, into ``root/oxford-iiit-pet``. Interrupted and called again, it goes on.

    Returns:
        The folder that holds ``images/`` and ``annotations/``.

    Raises:
        InlayError: there is no network, the server has no such file, what came is damaged, or the disk refuses; the
            message names the address and the place to put the file by hand.
    """
    from torchvision.datasets import OxfordIIITPet
    from torchvision.datasets.utils import extract_archive

    home = Path(root) / "oxford-iiit-pet"
    if _is_complete(home):
        log.info("Oxford-IIIT Pet is in %s already.", home)
        return home
    urls = " and ".join(url for url, _ in OxfordIIITPet._RESOURCES)
    terms = "about 800 MB, and as much again unpacked; licence CC BY-SA 4.0"
    log.info("Oxford-IIIT Pet (%s): %s go to %s", terms, urls, home)
    try:
        home.mkdir(parents=True, exist_ok=True)
        archives = [fetch(url, home / url.rpartition("/")[2], md5) for url, md5 in OxfordIIITPet._RESOURCES]
        (home / _UNPACKING).touch()  # while this is there, files may be half written
        for archive in archives:
            log.info("Unpacking %s", archive)
            extract_archive(archive, home)
        (home / _UNPACKING).unlink()
    except OSError as error:
        raise InlayError(
            f"{home}: the disk refuses ({error.strerror or error}). Make room or choose another --root, and start "
            f"again; or put the files there by hand: {urls}"
        ) from error
    if not _is_complete(home):
        raise InlayError(f"{home}: files are missing after unpacking. Remove this folder and start again.")
    return home


def fetch(url: str, target: Path, md5: str) -> Path:
    """Fetch a file. What has come is kept in ``target.part``, so that an interruption costs nothing.

    Args:
        url: where it is.
        target: where it goes; a file that is there and intact is left alone.
        md5: its checksum in hexadecimal.

    Returns:
        ``target``.

    Raises:
        InlayError: it cannot be fetched, or it came damaged (then it is removed).
        OSError: the disk refuses.
    """
    if target.exists():
        if _md5(target) == md5:
            return target
        log.warning("%s is damaged: removed, and fetched anew", target)
        target.unlink()
    part = target.with_name(f"{target.name}.part")
    if part.is_symlink():
        part.unlink()  # none of ours
    while not _fetch_rest(url, part, target):
        log.warning("%s: the connection was cut after %s bytes; going on from there", url, f"{part.stat().st_size:,}")
    if (found := _md5(part)) != md5:
        part.unlink()
        raise InlayError(f"{url}: came damaged (MD5 {found}, not {md5}) and was removed. {_by_hand(target)}")
    return part.replace(target)


def _fetch_rest(url: str, part: Path, target: Path) -> bool:
    """Take what one connection gives; whether that was all. One that gives nothing is an error."""
    have = part.stat().st_size if part.exists() else 0
    try:
        response = urlopen(Request(url, headers={"Range": f"bytes={have}-"} if have else {}), timeout=_TIMEOUT)
    except HTTPError as error:
        error.close()
        if error.code == _NOTHING_BEYOND and have:
            return True
        raise InlayError(f"{url}: the server answers {error.code} ({error.reason}). {_by_hand(target)}") from error
    except (OSError, HTTPException) as error:
        raise InlayError(f"{url}: cannot be reached ({error}). {_by_hand(target)}") from error
    with response:
        start = 0 if response.status == _ALL_OF_IT else have
        total = start + int(response.headers.get("Content-Length", 0))
        bar = tqdm(desc=target.name, total=total or None, initial=start, unit="B", unit_scale=True)
        with part.open("ab" if start else "wb") as file, bar:
            for chunk in _chunks(response):
                file.write(chunk)
                bar.update(len(chunk))
    size = part.stat().st_size
    if size == start < total:
        raise InlayError(f"{url}: the server sends nothing. {_by_hand(target)}")
    return size >= total


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    """What comes, until the end or until the connection is cut."""
    while True:
        try:
            chunk = response.read1(_CHUNK)
        except (OSError, HTTPException):
            return
        if not chunk:
            return
        yield chunk


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _by_hand(target: Path) -> str:
    return f"Try again later (what has come is kept), or fetch it by hand and put it at {target}."


def _is_complete(home: Path) -> bool:
    try:
        rows = [row for row in Pets()(Tree(home)) if not isinstance(row, RejectedFile)]
    except InlayError:
        return False
    whole = all("mask" in row and (home / row["image"]).exists() for row in rows)
    return whole and not (home / _UNPACKING).exists()
