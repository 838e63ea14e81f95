"""Fetching a dataset, when asked to: announced and verified."""

import logging
import os
from http.client import HTTPException
from pathlib import Path

from inlay.data.datasets import Pets
from inlay.data.filesystem import Tree
from inlay.data.records import RejectedFile
from inlay.errors import InlayError

log = logging.getLogger(__name__)

_UNPACKING = ".unpacking"


def download_pets(root: str | os.PathLike[str]) -> Path:
    """Fetch Oxford-IIIT Pet, about 800 MB, into ``root/oxford-iiit-pet``. An intact archive is not fetched again.

    Returns:
        The folder that holds ``images/`` and ``annotations/``.

    Raises:
        InlayError: there is no network, the server has no such file, what came is damaged, or the disk refuses; the
            message names the addresses and the folder to put the archives into by hand.
    """
    from torchvision.datasets import OxfordIIITPet
    from torchvision.datasets.utils import download_and_extract_archive

    home = Path(root) / "oxford-iiit-pet"
    if _is_complete(home):
        log.info("Oxford-IIIT Pet is in %s already.", home)
        return home
    urls = " and ".join(url for url, _ in OxfordIIITPet._RESOURCES)
    terms = "about 800 MB, and as much again unpacked; licence CC BY-SA 4.0"
    log.info("Oxford-IIIT Pet (%s): %s go to %s", terms, urls, home)
    try:
        home.mkdir(parents=True, exist_ok=True)
        (home / _UNPACKING).touch()  # while this is there, files may be half written
        for url, md5 in OxfordIIITPet._RESOURCES:
            download_and_extract_archive(url, home, md5=md5)
        (home / _UNPACKING).unlink()
    except (OSError, HTTPException, RuntimeError) as error:  # RuntimeError: torchvision's, of a wrong checksum
        raise InlayError(
            f"{home}: Oxford-IIIT Pet could not be fetched ({error}). Check the network and the room on the disk, and "
            f"start again; or put the archives there by hand: {urls}"
        ) from error
    if not _is_complete(home):
        raise InlayError(f"{home}: files are missing after unpacking. Remove this folder and start again.")
    return home


def _is_complete(home: Path) -> bool:
    try:
        rows = [row for row in Pets()(Tree(home)) if not isinstance(row, RejectedFile)]
    except InlayError:
        return False
    whole = all("mask" in row and (home / row["image"]).exists() for row in rows)
    return whole and not (home / _UNPACKING).exists()
