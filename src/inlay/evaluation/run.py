"""Filling and measuring: the long part of an evaluation."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader
from tqdm import tqdm

from inlay.data.pictures import Pictures
from inlay.errors import InlayError
from inlay.evaluation.folder import ORIGINAL, Folder
from inlay.evaluation.protocol import EvalProtocol
from inlay.evaluation.results import LeftOut, ProtocolIs
from inlay.evaluation.samples import EvalSample, ProtocolPictures
from inlay.evaluation.scoring import Scorer
from inlay.evaluation.store import SampleRecord, Shard, ShardFile, ShardHeader, refuse_other_protocols
from inlay.files import held, remove_leftovers
from inlay.fillers import Filler
from inlay.images import Picture, read_image, write_picture
from inlay.pipeline import FillOptions, Job, fill_picture
from inlay.randomness import RngStream, torch_seed


@dataclass(frozen=True)
class Evaluation:
    """A protocol, applied to pictures and fillers.

    Pictures are filled one at a time, so that no result depends on what else was in a batch.

    Attributes:
        protocol: the test.
        pictures: the dataset.
        fillers: by the name that tables have for them.
        measures: what is measured.
        folder: where everything goes.
        provenance: what the numbers come from: version, revision, packages.
        on_bad_file: ``error`` stops at a broken file, ``skip`` leaves the picture out and lists it.
    """

    protocol: EvalProtocol
    pictures: Pictures
    fillers: Mapping[str, Filler]
    measures: Scorer
    folder: Folder
    provenance: Mapping[str, Any]
    on_bad_file: Literal["error", "skip"] = "error"

    def identity(self) -> ProtocolIs:
        """Which protocol, on which pictures."""
        protocol = self.protocol
        ids = [self.pictures.id(position) for position in protocol.chosen(self.pictures)]
        return ProtocolIs(
            name=protocol.name,
            about=protocol.about,
            hash=protocol.hash(ids),
            samples="",
            recipe=dict(protocol.recipe),
        )

    def run(self, shard: Shard, workers: int) -> None:
        """Fill and measure a shard, with a progress bar; what lies in the folder already is not done again.

        Args:
            shard: which part of the pictures.
            workers: processes that read pictures and draw holes; 0 for none beside this one.

        Raises:
            InlayError: another process is at this shard; the folder holds another evaluation; a file is broken; or the
                disk refuses.
        """
        try:
            with held(self.folder.root, "inlay evaluate", part=str(shard) if shard.parts > 1 else ""):
                self.folder.rows.mkdir(parents=True, exist_ok=True)
                if shard.parts == 1:  # others may be writing
                    self._sweep()
                self._run(shard, workers)
        except OSError as error:
            raise InlayError(
                f"{self.folder.root}: cannot be written ({error.strerror or error}). Make room there and start it "
                "again, or choose another run_dir; what was measured stays."
            ) from error

    def _sweep(self) -> None:
        """Delete what killed processes had begun to write."""
        root = self.folder.root
        for places in ("rows/*", "pictures/*", "pictures/filled/*"):
            for place in root.glob(places):
                remove_leftovers(place)
        remove_leftovers(root)

    def _run(self, shard: Shard, workers: int) -> None:
        numbers = shard.of(len(self.protocol.chosen(self.pictures)))
        files = self._files(shard)
        todo = [number for number in numbers if any(number not in rows.done for rows, _ in files.values())]
        dataset = ProtocolPictures(self.protocol, self.pictures, todo, self.on_bad_file)
        loader = DataLoader(dataset, batch_size=None, num_workers=min(workers, len(todo)))
        total, name = len(numbers), f"{self.protocol.name} {shard}" if shard.parts > 1 else self.protocol.name
        with ExitStack() as stack:
            bar = stack.enter_context(tqdm(total=total, initial=total - len(todo), desc=name, unit=" pictures"))
            for cases in loader:
                self._write_given(cases)
                for filler, (rows, trusted) in files.items():
                    if cases.picture not in rows.done:
                        bar.set_postfix_str(filler, refresh=False)
                        rows.add(self._original(cases) if filler == ORIGINAL else self._line(filler, cases, trusted))
                bar.update()

    def _files(self, shard: Shard) -> dict[str, tuple[ShardFile, bool]]:
        """By filler its rows, and whether pictures that lie in the folder are its own."""
        protocol, files = self.identity(), {}
        mine = set(shard.of(len(self.protocol.chosen(self.pictures))))
        refuse_other_protocols(self.folder, protocol)
        identities = {name: filler.identity for name, filler in self.fillers.items()}
        if self.measures.network:
            identities[ORIGINAL] = ""
        for place, (name, identity) in enumerate(identities.items()):
            head = ShardHeader(
                protocol=protocol,
                pictures=len(self.protocol.chosen(self.pictures)),
                filler=name,
                identity=identity,
                place=place,
                metrics=self.measures.metrics,
                features=self.measures.network is not None,
                weights=dict(self.measures.weights),
                metrics_left_out=dict(self.measures.left_out),
                provenance=dict(self.provenance),
            )
            files[name] = ShardFile.open(self.folder, head, shard, mine)
        return files

    def _write_given(self, cases: EvalSample) -> None:
        """What fillers are given, beside what they make of it: so that anybody can measure again."""
        if cases.image is None:
            return
        write_picture(self.folder.original(cases.picture), Picture(cases.image))
        for hole, mask in cases.masks.items():
            write_picture(self.folder.mask(cases.picture, hole), Picture(mask[..., None].astype(np.uint8) * 255))

    def _line(self, name: str, cases: EvalSample, trusted: bool) -> SampleRecord:
        filler, rows, features = self.fillers[name], [], {}
        told = filler.takes_text
        for hole in cases.masks:
            first = self._answer(name, cases, hole, trusted)
            answers = [first, *self._samples(filler, cases, hole)]
            rows.append(self.measures.row(name, cases, hole, answers, told))
            if self.measures.network:
                features[hole] = self.measures.features(first)
        return SampleRecord(picture=cases.picture, rows=rows, features=features, left_out=_left_out(cases))

    def _original(self, cases: EvalSample) -> SampleRecord:
        """The truth has no rows, as it has no holes; only the distributions of metrics of sets need it."""
        features = {} if cases.image is None else {"": self.measures.features(cases.image)}
        return SampleRecord(picture=cases.picture, rows=[], features=features, left_out=_left_out(cases))

    def _answer(self, name: str, cases: EvalSample, hole: str, trusted: bool) -> NDArray[np.uint8]:
        path = self.folder.filled(name, cases.picture, hole)
        if trusted and path.exists() and _fits(earlier := read_image(path), cases, hole):
            return earlier
        answer = self._fill(self.fillers[name], cases, hole, seed=None)
        write_picture(path, Picture(answer))
        return answer

    def _samples(self, filler: Filler, cases: EvalSample, hole: str) -> Sequence[NDArray[np.uint8]]:
        """Several answers of a filler that draws, to be compared with each other."""
        if self.protocol.samples == 1 or not filler.takes_seed:
            return ()
        place, each = list(self.protocol.holes).index(hole), self.protocol.samples
        seeds = (
            torch_seed(self.protocol.seed, RngStream.EVAL_SAMPLES, epoch=place * each + sample, index=cases.picture)
            for sample in range(each)
        )
        return [self._fill(filler, cases, hole, seed) for seed in seeds]

    def _fill(self, filler: Filler, cases: EvalSample, hole: str, seed: int | None) -> NDArray[np.uint8]:
        assert cases.image is not None
        mask = cases.masks[hole]
        shown = Picture(np.where(mask[..., None], np.uint8(0), cases.image))  # whatever a filler does, it sees no truth
        job = Job(shown, mask, cases.caption if filler.takes_text else None, seed)
        return fill_picture(filler, job, FillOptions(strategy="whole")).picture.rgb8()


def _fits(answer: NDArray[np.uint8], cases: EvalSample, hole: str) -> bool:
    """Whether an answer on disk is one to this very picture: its known pixels are."""
    assert cases.image is not None
    known = ~cases.masks[hole]
    return answer.shape == cases.image.shape and bool((answer[known] == cases.image[known]).all())


def _left_out(cases: EvalSample) -> list[LeftOut]:
    return [LeftOut(id=cases.id, hole=hole, reason=reason) for hole, reason in cases.left_out.items()]
