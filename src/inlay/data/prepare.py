"""Making an index: every file is found, opened, decoded and counted once."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tqdm import tqdm

from inlay.cache import cache_dir
from inlay.data.filesystem import Tree, check_root, unchanged
from inlay.data.index import in_cache
from inlay.data.pictures import MIN_SIDE, decode_picture, read_object
from inlay.data.records import DatasetLayout, Record, RejectedFile, check_inside, names_of
from inlay.data.skipped import stopping
from inlay.errors import BadFile, InlayError, unwritable
from inlay.files import (
    csv_bytes,
    csv_rows,
    file_lock,
    open_regular,
    read_bytes,
    read_text,
    remove_leftovers,
    replacing,
    write_bytes,
    write_text,
)
from inlay.images import picture_size
from inlay.parallel import ordered_map
from inlay.printing import say

OnDamaged = Literal["refuse", "keep"]


class Examined(NamedTuple):
    """What became of one thing that a listing named."""

    listed: Record | RejectedFile
    row: Record | None
    """None where the picture is refused."""
    refused: list[RejectedFile]
    bad: bool = False
    """Whether the picture's own file is broken."""
    damage: str = ""
    """What the decoder said of the pixels of a picture that is kept all the same."""


@dataclass
class PrepareReport:
    """What an index was made of."""

    found: int = 0
    kept: int = 0
    refused: list[RejectedFile] = field(default_factory=list)
    damaged: list[RejectedFile] = field(default_factory=list)
    splits: Counter[str] = field(default_factory=Counter)
    captions: Counter[int] = field(default_factory=Counter)

    def add(self, examined: Examined) -> None:
        """Count one thing."""
        self.found += 1
        self.refused += examined.refused
        if examined.row:
            self.kept += 1
            self.splits[examined.row["split"]] += 1
            self.captions[len(examined.row.get("captions", ()))] += 1
            if examined.damage:
                self.damaged.append(RejectedFile(examined.row["image"], examined.damage, examined.row["split"]))

    def __str__(self) -> str:
        lines = [f"{self.found:,} found: {self.kept:,} kept, {self.found - self.kept:,} refused"]
        lines.append("splits: " + (", ".join(f"{name} {n:,}" for name, n in sorted(self.splits.items())) or "none"))
        if any(self.captions):
            counts = ", ".join(f"{n:,} pictures with {count}" for count, n in sorted(self.captions.items()))
            lines.append(f"captions: {counts}")
        for what, files in (("refused", self.refused), ("kept", self.damaged)):
            lines += [f"  {what} {file}: {reason}" for file, reason, _ in files[:_SHOWN]]
            if len(files) > _SHOWN:
                lines.append(f"  and {len(files) - _SHOWN:,} more")
        return "\n".join(lines)


_NOTE = 2**30  # bytes of a note, which has a line for every folder
_SHOWN = 20  # lines of a report
_FEW = 100  # pictures are decoded sooner than processes start


def refused_file(index: Path) -> Path:
    """The table of what an index refused, beside it."""
    return index.with_suffix(".refused.csv")


def about_file(index: Path) -> Path:
    """Where an index came from, beside it."""
    return index.with_suffix(".about.json")


def prepare(
    listing: DatasetLayout,
    root: Path,
    out: Path,
    workers: int,
    verify: bool = True,
    stop_at_bad_file: bool = False,
    on_damaged: OnDamaged = "refuse",
) -> PrepareReport:
    """Write an index, with a progress bar. Interrupted and called again, it goes on where it was.

    Beside the index stand a table of what was refused and a note of where it came from.

    Args:
        listing: names the pictures.
        root: the dataset's folder.
        out: the index, JSON Lines.
        workers: processes that decode.
        verify: decode every file; otherwise they are only listed, without size and checksum.
        stop_at_bad_file: raise at the first broken file rather than refuse it.
        on_damaged: what becomes of a picture that can be decoded, and of which the decoder says that its pixels are
            damaged: ``refuse`` it, or ``keep`` it and name it.

    Raises:
        InlayError: the root has another layout, or the index cannot be written.
        BadFile: the first broken file, if ``stop_at_bad_file``.
    """
    check_on_damaged(on_damaged)
    keep_damaged = on_damaged == "keep"
    tree, partly = Tree(root), out.with_name(f".{out.name}.part")
    origin = {"root": str(root.resolve()), "listing": repr(listing), "verified": verify, "damaged_kept": keep_damaged}
    work = partial(examine, root, keep_damaged=keep_damaged, verify=verify)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with file_lock(out.with_name(f".{out.name}.lock")):
            total = sum(1 for _ in _listed(listing, tree))
            if partly.is_symlink():
                partly.unlink()  # none of ours
            done, end = _done_already(partly, origin, work, listing(tree), stop_at_bad_file)
            with partly.open("r+" if end else "w", encoding="utf-8") as file:
                file.seek(end)
                file.truncate()
                if not end:
                    file.write(json.dumps(origin) + "\n")
                rest = islice(_listed(listing, tree), done, None)
                results = ordered_map(work, rest, workers if verify and total - done > _FEW else 0)
                for examined in tqdm(results, desc=out.name, total=total, initial=done, unit=" pictures"):
                    if examined.bad and stop_at_bad_file:
                        raise stopping(BadFile(root / examined.refused[0].file, examined.refused[0].reason))
                    file.write(json.dumps(examined) + "\n")
                file.flush()
                os.fsync(file.fileno())
            return _publish(partly, out, tree, origin)
    except OSError as error:
        raise unwritable(out, error) from error


def check_on_damaged(choice: str) -> None:
    """Refuse a choice that is none. Raises :class:`InlayError`."""
    if choice not in ("refuse", "keep"):
        raise InlayError(f"data.on_damaged must be 'refuse' or 'keep', got {choice!r}.")


def _listed(listing: DatasetLayout, tree: Tree) -> Iterator[Record | RejectedFile]:
    for thing in listing(tree):
        if not isinstance(thing, RejectedFile):
            check_inside(tree.root, names_of(thing), "a list of the dataset")
        yield thing


def examine(root: Path, thing: Record | RejectedFile, keep_damaged: bool = False, verify: bool = True) -> Examined:
    """Read a picture, and the file that shows its object: size and checksum if it is sound, the reason if not.

    Args:
        root: the dataset's folder.
        thing: what a listing named.
        keep_damaged: take a picture whose coded pixels are damaged, and note what the decoder said.
        verify: False reads nothing.
    """
    if isinstance(thing, RejectedFile):
        return Examined(thing, None, [thing])
    if not verify:
        return Examined(thing, thing, [])
    row, refused = thing.copy(), []
    path = root / row["image"]
    try:
        height, width = picture_size(path)
        # The smallest scale costs a fraction, and every byte of a JPEG is decoded for it all the same.
        damage = decode_picture(path, min_short_side=MIN_SIDE).damage
        if damage and not keep_damaged:
            raise BadFile(path, f"{damage}. Replace it, or keep such pictures with data.on_damaged=keep.")
        with open_regular(path) as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
    except BadFile as error:
        return Examined(thing, None, [RejectedFile(row["image"], error.reason, row["split"])], bad=True)
    if "mask" in row:
        try:
            read_object(root / row["mask"], row.get("mask_is", "white"))
        except BadFile as error:
            refused.append(RejectedFile(row.pop("mask"), f"{error.reason} The picture is kept without it."))
    row["size"], row["sha256"] = [width, height], checksum
    return Examined(thing, row, refused, damage=damage)


def _done_already(
    partly: Path,
    origin: dict[str, Any],
    work: Callable[[Record | RejectedFile], Examined],
    things: Iterator[Record | RejectedFile],
    stop_at_bad_file: bool,
) -> tuple[int, int]:
    """How many things an interrupted preparation has behind it, and where in its file the last of them ends.

    The file is believed as far as it holds the things of the listing, in their order, in whole lines; what was refused
    is looked at again.
    """
    if not partly.exists():
        return 0, 0
    done = end = 0
    with partly.open("rb") as file:
        if (head := file.readline()) != (json.dumps(origin) + "\n").encode():
            return 0, 0
        end = len(head)
        for line, thing in zip(file, things, strict=False):
            examined = _parsed(line)
            if examined is None or examined.listed != thing or (examined.bad and stop_at_bad_file):
                break
            if examined.refused and work(thing) != examined:  # mended in the meantime
                break
            done, end = done + 1, end + len(line)
    return done, end


def _parsed(line: bytes) -> Examined | None:
    if not line.endswith(b"\n"):
        return None
    listed, row, refused, bad, damage = json.loads(line)
    if isinstance(listed, list):
        listed = RejectedFile(*listed)
    return Examined(listed, row, [RejectedFile(*one) for one in refused], bad, damage)


def _publish(partly: Path, out: Path, tree: Tree, origin: dict[str, Any]) -> PrepareReport:
    """Turn the finished work into the index and what stands beside it; what makes the index count is there last."""
    report = PrepareReport()
    for path in (out, refused_file(out), about_file(out)):
        remove_leftovers(path.parent, path.name)
    with partly.open("rb") as lines, replacing(out) as file:
        next(lines)
        for line in lines:
            examined = _parsed(line)
            assert examined is not None
            report.add(examined)
            if examined.row:
                file.write(json.dumps(examined.row).encode() + b"\n")
        size = file.tell()
    for refused in report.refused:
        tree.has(refused.file)  # remembered: a file that is mended makes the index outdated
    write_bytes(refused_file(out), csv_bytes([RejectedFile._fields, *report.refused]))
    # With these an outdated index is known, and one of which the disk lost a part.
    write_text(about_file(out), json.dumps(origin | {"bytes": size, "consulted": tree.consulted}))
    partly.unlink()
    return report


def read_refused(index: Path) -> list[RejectedFile]:
    """What an index refused; nothing where the table is not beside it. Raises :class:`BadFile` where it is none."""
    table = refused_file(index)
    if not table.exists():
        return []
    try:
        return [RejectedFile(**row) for row in csv_rows(read_bytes(table, _NOTE))]
    except (ValueError, TypeError) as error:
        raise BadFile(table, f"not the table of an index ({error}); move it away") from error


def find_index(
    root: Path,
    listing: DatasetLayout | None,
    given: str | None,
    workers: int,
    verify: bool,
    stop_at_bad_file: bool,
    on_damaged: OnDamaged = "refuse",
) -> Path:
    """The index of a root: the given one, else one in the cache, made on first use and again when the root changes.

    A given one is a file that :func:`prepare` made; else a listing is needed. The other arguments are those of
    :func:`prepare`.

    Raises:
        BadFile: the first broken file, if ``stop_at_bad_file`` and no index is given.
        InlayError: as :func:`prepare`; or there is no such root, or neither listing nor index.
    """
    if not given and listing is None:
        raise InlayError("data.index: give the index of these pictures; `inlay data prepare` makes one.")
    check_root(root)
    check_on_damaged(on_damaged)
    if given:
        return Path(given)
    assert listing is not None
    key = hashlib.sha256(json.dumps([str(root.resolve()), repr(listing), verify, on_damaged]).encode()).hexdigest()[:16]
    index = cache_dir() / "indexes" / f"{root.resolve().name}-{key}.jsonl"
    if not _is_current(index, root):
        with in_cache(index):
            if not _is_current(index, root):  # by now, perhaps, thanks to another process
                say(f"{root} has no index yet, or has changed; making {index}")
                say("(`inlay data prepare` does it ahead)")
                say(prepare(listing, root, index, workers, verify, stop_at_bad_file, on_damaged))
    lost = [refused for refused in read_refused(index) if refused.split]
    if lost and stop_at_bad_file:
        raise stopping(BadFile(root / lost[0].file, f"{lost[0].reason} ({len(lost)} such in all)"))
    return index


def _is_current(index: Path, root: Path) -> bool:
    """Whether a file of the cache is the whole index of a root as it is now."""
    try:
        about = json.loads(read_text(about_file(index), _NOTE))
        return bool(index.stat().st_size == about["bytes"] and unchanged(root, about["consulted"]))
    except (OSError, InlayError, ValueError, KeyError, TypeError, AttributeError):
        return False
