"""The results of an evaluation, as ``results.json`` holds them."""

from typing import Any, Literal, TypedDict


class Row(TypedDict):
    """What was measured of one answer: these keys, and the columns of all metrics as further ones (NaN is null)."""

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
    """Digest of the picture and the mask that the filler was given."""


class ProtocolIs(TypedDict):
    """Which protocol, and what it was applied to."""

    name: str
    about: str
    """A sentence."""
    hash: str
    """Of the recipe and of the pictures' names: equal hashes mean the same test."""
    samples: str
    """Digest of the very pixels and masks: equal ones mean that no file differed, either."""
    recipe: dict[str, Any]


class MetricIs(TypedDict):
    """What a reader must know of a metric."""

    better: Literal["higher", "lower", "neither"]
    unit: str
    """``dB``, or empty."""
    about: str
    """What it says, in a line."""


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
    """A hole of a picture that was not measured: no filler saw it."""

    id: str
    hole: str
    reason: str


class Results(TypedDict):
    """All of it. Everything is in the order in which it is to be shown."""

    protocol: ProtocolIs
    pictures: int
    buckets: dict[str, int]
    """How many cases (a picture with a hole) each bucket has; the last one is ``all``. Empty buckets are absent."""
    fillers: dict[str, str]
    """By name, and which version: the checkpoint's digest, or the library's release."""
    weights: dict[str, str]
    """Which versions of networks metrics looked through, by the settings that name them."""
    metrics: dict[str, MetricIs]
    values: dict[str, dict[str, dict[str, Value]]]
    """By filler, bucket, metric. What does not apply to a filler or could not be measured in a bucket is absent.
    Metrics of sets carry the number of pictures in their names (``fid_n120``), so they differ from bucket to bucket."""
    comparisons: list[Comparison]
    """All pairs of fillers, each metric that is better one way, each bucket; not for metrics of sets."""
    metrics_left_out: dict[str, str]
    """Why."""
    pictures_left_out: list[LeftOut]
    provenance: list[dict[str, Any]]
    """Of each distinct environment that took part: version, git, packages."""
