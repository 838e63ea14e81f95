"""Filling and measuring: the long part of an evaluation."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader
from tqdm import tqdm

from inlay.data.pictures import Pictures
from inlay.errors import InlayError
from inlay.evaluation.folder import ORIGINAL, EvalFolder
from inlay.evaluation.protocol import EvalProtocol, EvalSample, ProtocolPictures
from inlay.evaluation.results import LeftOut, ProtocolInfo
from inlay.evaluation.scoring import Probe, fill_result, result_row
from inlay.evaluation.store import SampleRecord, Shard, ShardFile, ShardHeader, fillers_begun
from inlay.files import held, remove_leftovers
from inlay.fillers import Filler
from inlay.images import Picture, read_image, write_picture
from inlay.pipeline import FillOptions, Job, fill_picture
from inlay.randomness import RngStream, torch_seed

Headers = Mapping[str, Mapping[str, ShardHeader]]
"""By filler and probe."""


@dataclass(frozen=True)
class Evaluation:
    """A protocol, applied to pictures and fillers, and measured by probes.

    Pictures are filled one at a time, so that no result depends on what else was in a batch.

    Attributes:
        protocol: the test.
        pictures: the dataset.
        fillers: by their name in tables.
        probes: what is measured, by name.
        left_out: probes that cannot measure here, with the reason.
        folder: where everything goes.
        provenance: what the numbers come from: version, revision, packages.
        options: how fillers are run on a sample, and how their prediction is put back.
        options_text: the same as text, which stands beside the numbers.
        on_bad_file: ``error`` stops at a broken file, ``skip`` leaves the picture out and lists it.
    """

    protocol: EvalProtocol
    pictures: Pictures
    fillers: Mapping[str, Filler]
    probes: Mapping[str, Probe]
    left_out: Mapping[str, str]
    folder: EvalFolder
    provenance: Mapping[str, Any]
    options: FillOptions
    options_text: str
    on_bad_file: Literal["error", "skip"] = "error"

    def protocol_info(self) -> ProtocolInfo:
        """The protocol, hashed with the names of its pictures."""
        protocol = self.protocol
        ids = [self.pictures.id(position) for position in protocol.chosen(self.pictures)]
        name, about, recipe = protocol.name, protocol.about, dict(protocol.recipe)
        return ProtocolInfo(name=name, about=about, hash=protocol.hash(ids), samples="", recipe=recipe)

    def headers(self) -> Headers:
        """The files that hold the numbers of this evaluation; of the originals there are features alone."""
        info, count = self.protocol_info(), len(self.protocol.chosen(self.pictures))
        identities = {name: filler.identity for name, filler in self.fillers.items()} | {ORIGINAL: ""}
        return {
            filler: {
                name: ShardHeader(
                    protocol=info,
                    pictures=count,
                    filler=filler,
                    identity=identity,
                    options="" if filler == ORIGINAL else self.options_text,
                    probe=name,
                    info=probe.info,
                    specs=[asdict(spec) for spec in probe.metric.specs],
                    place=(row, column),
                    metrics_left_out=dict(self.left_out),
                    provenance=dict(self.provenance),
                )
                for column, (name, probe) in enumerate(self.probes.items())
                if filler != ORIGINAL or probe.has_features
            }
            for row, (filler, identity) in enumerate(identities.items())
        }

    def run(self, shard: Shard, workers: int) -> None:
        """Fill and measure a shard, with a progress bar; numbers that lie in the folder are not measured again.

        Args:
            shard: the part of the pictures.
            workers: processes that read pictures and draw holes; 0 for none beside this one.

        Raises:
            InlayError: another process is at this shard; the folder holds another evaluation; a file is broken; or the
                disk refuses.
        """
        try:
            with held(self.folder.root, "inlay evaluate", part=str(shard) if shard.parts > 1 else ""):
                self.folder.rows.mkdir(parents=True, exist_ok=True)
                if shard.parts == 1:  # others may be writing
                    for place in [*self.folder.root.glob("**/")]:  # the root, too
                        remove_leftovers(place)
                self._run(shard, workers)
        except OSError as error:
            raise InlayError(
                f"{self.folder.root}: cannot be written ({error.strerror or error}). Make room there and start it "
                "again, or choose another run_dir; what was measured stays."
            ) from error

    def _run(self, shard: Shard, workers: int) -> None:
        headers = self.headers()
        begun = fillers_begun(self.folder, [header for probes in headers.values() for header in probes.values()])
        files = {
            filler: {name: ShardFile.open(self.folder, header, shard) for name, header in probes.items()}
            for filler, probes in headers.items()
        }
        numbers = shard.of(len(self.protocol.chosen(self.pictures)))
        todo = [number for number in numbers if any(_missing(probes, number) for probes in files.values())]
        dataset = ProtocolPictures(self.protocol, self.pictures, todo, self.on_bad_file)
        loader = DataLoader(dataset, batch_size=None, num_workers=min(workers, len(todo)))
        total, name = len(numbers), f"{self.protocol.name} {shard}" if shard.parts > 1 else self.protocol.name
        with ExitStack() as stack:
            bar = stack.enter_context(tqdm(total=total, initial=total - len(todo), desc=name, unit=" pictures"))
            for sample in loader:
                if sample.image is not None:
                    self._write_inputs(sample, sample.image)
                for filler, probes in files.items():
                    if missing := _missing(probes, sample.picture):
                        bar.set_postfix_str(filler, refresh=False)
                        for probe, record in self._measure(filler, sample, missing, filler in begun).items():
                            probes[probe].add(record)
                bar.update()

    def _write_inputs(self, sample: EvalSample, image: NDArray[np.uint8]) -> None:
        """Write what fillers are given, beside what they return, so that anybody can measure again."""
        write_picture(self.folder.original(sample.picture), Picture(image))
        for hole, mask in sample.masks.items():
            write_picture(self.folder.mask(sample.picture, hole), Picture(mask[..., None].astype(np.uint8) * 255))

    def _measure(
        self, name: str, sample: EvalSample, probes: Sequence[str], trusted: bool
    ) -> Mapping[str, SampleRecord]:
        """Fill the holes of a picture, unless they lie in the folder, and measure them; by probe.

        The originals have no rows, but the features that those of filled pictures are compared with.
        """
        records = {probe: _empty_record(sample) for probe in probes}
        if name == ORIGINAL:
            if sample.image is not None:
                for probe, record in records.items():
                    record["features"][""] = self.probes[probe].features(sample.image)
            return records
        filler = self.fillers[name]
        several = any(self.probes[probe].metric.needs_samples for probe in probes)
        for hole in sample.masks:
            filled = self._filled(name, sample, hole, trusted)
            fills = [filled, *(self._samples(filler, sample, hole) if several else ())]
            result = fill_result(sample, hole, fills, filler.takes_text, self.protocol.truth)
            for probe in probes:
                columns = self.probes[probe].columns(result)
                records[probe]["rows"].append(result_row(name, self.options_text, sample, hole, columns))
                if self.probes[probe].has_features:
                    records[probe]["features"][hole] = self.probes[probe].features(filled)
        return records

    def _filled(self, name: str, sample: EvalSample, hole: str, trusted: bool) -> NDArray[np.uint8]:
        path = self.folder.filled(name, sample.picture, hole)
        if trusted and path.exists() and self._fits(earlier := read_image(path), sample, hole):
            return earlier
        filled = self._fill(self.fillers[name], sample, hole, seed=None)
        write_picture(path, Picture(filled))
        return filled

    def _fits(self, filled: NDArray[np.uint8], sample: EvalSample, hole: str) -> bool:
        """Whether a picture on disk is a fill of this very sample: its known pixels are."""
        assert sample.image is not None
        known = ~self.options.composer.masks(sample.masks[hole])[1]
        return filled.shape == sample.image.shape and bool((filled[known] == sample.image[known]).all())

    def _samples(self, filler: Filler, sample: EvalSample, hole: str) -> Sequence[NDArray[np.uint8]]:
        """Several fills by a stochastic filler, to be compared with each other."""
        if self.protocol.samples == 1 or not filler.takes_seed:
            return ()
        place, count = list(self.protocol.holes).index(hole), self.protocol.samples
        seeds = (
            torch_seed(self.protocol.seed, RngStream.EVAL_SAMPLES, epoch=place * count + number, index=sample.picture)
            for number in range(count)
        )
        return [self._fill(filler, sample, hole, seed) for seed in seeds]

    def _fill(self, filler: Filler, sample: EvalSample, hole: str, seed: int | None) -> NDArray[np.uint8]:
        assert sample.image is not None
        mask = sample.masks[hole]
        masked = Picture(np.where(mask[..., None], np.uint8(0), sample.image))  # no filler is shown the truth
        job = Job(masked, mask, sample.caption if filler.takes_text else None, seed)
        return fill_picture(filler, job, self.options).picture.rgb8()


def _missing(probes: Mapping[str, ShardFile], picture: int) -> list[str]:
    return [name for name, file in probes.items() if picture not in file.done]


def _empty_record(sample: EvalSample) -> SampleRecord:
    left_out = [LeftOut(id=sample.id, hole=hole, reason=reason) for hole, reason in sample.left_out.items()]
    return SampleRecord(picture=sample.picture, rows=[], features={}, left_out=left_out)
