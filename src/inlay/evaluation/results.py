"""The results of an evaluation, as ``results.json`` holds them."""

from typing import Any, Literal, TypedDict


class ResultRow(TypedDict):
    """The numbers of one filled hole: these keys, and the columns of all probes as further ones (null for NaN)."""

    filler: str
    picture: int
    """Its place among the protocol's pictures."""
    hole: str
    """The name of the hole in the protocol."""
    id: str
    """What the picture is called in its dataset."""
    ratio: float
    """Share of the picture that is hole."""
    bucket: str
    caption: str
    """Empty where there is none."""
    sample: str
    """Digest of the picture, the mask and the caption that the filler was given."""
    options: str
    """How the filler was used: strategy and blending."""


class ProtocolInfo(TypedDict):
    """The protocol, and what it was applied to."""

    name: str
    about: str
    """A sentence."""
    hash: str
    """Of the recipe and of the pictures' names: equal hashes mean the same test."""
    samples: str
    """Digest of the very pixels and masks: equal ones mean that no file differed, either."""
    recipe: dict[str, Any]


class ProbeInfo(TypedDict):
    """What was measured: probes with another version or settings give other numbers."""

    version: int
    """Of the code, as its class declares it."""
    settings: dict[str, Any]
    """Its configuration, with the digests of files of weights in place of their paths."""


class MetricInfo(TypedDict):
    """What a reader must know of a metric."""

    better: Literal["higher", "lower", "neither"]
    unit: str
    """``dB``, or empty."""
    about: str
    """Its meaning, in a line."""


class Value(TypedDict):
    """A metric of a filler over a bucket."""

    value: float | None
    """Null where it could not be computed, and for a metric in dB where it is infinite: nothing differs."""
    low: float | None
    """End of the 95 % confidence interval, a bootstrap over pictures; null where there is none (FID)."""
    high: float | None


class Comparison(TypedDict):
    """Two fillers on the same pictures: a paired bootstrap."""

    metric: str
    bucket: str
    a: str
    b: str
    difference: float
    """Value of ``a`` minus value of ``b``."""
    low: float
    high: float
    """95 % confidence interval of the difference."""
    within_noise: bool
    """Whether the interval holds 0."""


class LeftOut(TypedDict):
    """A hole of a picture that no filler was given."""

    id: str
    hole: str
    reason: str


class Results(TypedDict):
    """All results of an evaluation, in the order in which they are shown."""

    protocol: ProtocolInfo
    pictures: int
    buckets: dict[str, int]
    """Number of cases (a picture with a hole) per bucket; the last one is ``all``. Empty buckets are absent."""
    fillers: dict[str, str]
    """Version by name: the checkpoint's digest, or the library's release."""
    options: dict[str, str]
    """By filler, how it was used: strategy and blending."""
    probes: dict[str, ProbeInfo]
    """By name, what the numbers were measured with."""
    metrics: dict[str, MetricInfo]
    values: dict[str, dict[str, dict[str, Value]]]
    """By filler, bucket, metric. Absent where a metric does not apply to a filler, or was not measured in a bucket.
    Metrics of sets carry the number of pictures in their names (``fid_n120``), so they differ from bucket to bucket."""
    comparisons: list[Comparison]
    """All pairs of fillers, each metric that is better one way, each bucket; not for metrics of sets."""
    metrics_left_out: dict[str, str]
    """Reasons by metric or probe."""
    pictures_left_out: list[LeftOut]
    provenance: list[dict[str, Any]]
    """Of each distinct environment that took part: version, git, packages."""
