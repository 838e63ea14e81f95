"""How far the filled pictures, as a set, are from the originals: FID, KID, U-IDS, P-IDS."""

from collections.abc import Mapping
from hashlib import sha256
from importlib.util import find_spec
from io import BytesIO
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from inlay.errors import Missing
from inlay.metrics.base import FeatureExtractor, MetricSpec
from inlay.pretrained.weights import WeightsFile

ORIGIN = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"

METRICS = (
    MetricSpec("fid", "lower", about="Fréchet distance of Inception features of both sets. It falls as n grows."),
    MetricSpec("kid", "lower", about="Kernel distance of Inception features of both sets; below 0 by chance."),
    MetricSpec("u_ids", "higher", about="Share of all pictures that a linear classifier misplaces; 0.5: all alike."),
    MetricSpec("p_ids", "higher", about="Share of fills that this classifier finds more real than their originals."),
    MetricSpec("ssim_fid100_f1", "higher", about="LaMa's summary: harmonic mean of SSIM and FID as a score."),
    MetricSpec("lpips_fid100_f1", "higher", about="LaMa's summary: harmonic mean of 1 - LPIPS and FID as a score."),
)
"""Their names lack the number of pictures, which :func:`distances` and :func:`f1_with_fid` append."""

MAX_WHOLE = 5000
"""Up to this number of pictures KID is taken over all pairs, beyond over :data:`SUBSETS` of :data:`SUBSET_SIZE`."""
SUBSETS, SUBSET_SIZE = 100, 1000


class InceptionFeatures(FeatureExtractor):
    """The Inception network of FID (Heusel et al. 2017): TensorFlow's of 2015, its last pooled layer.

    2048 features of pictures that are rounded to 8 bits and resized to 299x299 as TensorFlow 1 did, without
    antialiasing. Those of filled and original pictures are compared by :func:`distances`.
    Pictures go through one by one, so that no feature depends on the batch that a picture came in.

    Args:
        weights: path to torch-fidelity's ``weights-inception-2015-12-05-6726825d.pth``.
        device: where to compute.

    Raises:
        Missing: ``weights`` is None, or torch-fidelity is not installed.
        InlayError: ``weights`` does not exist or holds something else.
    """

    def __init__(self, weights: str | None, device: torch.device | str = "cpu") -> None:
        file = WeightsFile(weights, "weights.inception", "torch-fidelity's Inception, for FID and KID", ORIGIN)
        if find_spec("torch_fidelity") is None:
            raise Missing(
                "torch-fidelity, which has the Inception network of FID. Install it: pip install torch-fidelity."
            )
        self.net = _network(file).to(device)
        self.device = device

    @torch.no_grad()
    @override
    def features(self, pictures: Tensor) -> Tensor:
        pixels = (pictures.clamp(0, 1) * 255).round().to(self.device, torch.uint8).contiguous()
        return torch.cat([self.net(one[None]) for one in pixels]).to(pictures.device)


def _network(file: WeightsFile) -> Any:
    from torchmetrics.image.fid import NoTrainInceptionV3

    # torch-fidelity would unpickle whatever a file holds, code too: it is handed what a safe reader found there.
    safe = BytesIO()
    torch.save(file.state(), safe)
    safe.seek(0)
    try:
        return NoTrainInceptionV3("inception-v3-compat", ["2048"], safe, antialias=False)  # type: ignore[arg-type]
    except (TypeError, AttributeError, RuntimeError) as error:
        raise file.misfit(error) from error


def distances(real: NDArray[np.floating], filled: NDArray[np.floating], seed: int) -> dict[str, float]:
    """Compare features of originals with those of the pictures that were filled.

    ==============  ====================================================================================================
    name            formula
    ==============  ====================================================================================================
    ``fid_n{n}``    Frechet distance of two Gaussians (Heusel et al. 2017): ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^.5)``
                    of means and covariances (over ``n - 1``); at least 0, lower is better. It falls as ``n`` grows, so
                    two of different ``n`` do not compare, and far below 2048 pictures it says little
    ``kid_n{n}``    squared maximum mean discrepancy (Binkowski et al. 2018) for the kernel ``(x y / d + 1)^3``, without
                    bias: around 0 for equal distributions, below it too; lower is better. Over all pairs; above 5000
                    pictures the mean over 100 subsets of 1000, drawn without replacement from each side by itself
    ``u_ids_n{n}``  unpaired inception discriminative score (Zhao et al. 2021): share of all ``2n`` features that a
                    linear SVM, fitted to tell the two sides apart, puts on the wrong one; from 0 to about 0.5, higher
                    is better
    ``p_ids_n{n}``  paired: share of pairs whose filled picture that SVM judges more real than its original; in
                    ``[0, 1]``, higher is better, a tie counts as not. As long as there are fewer pictures than
                    dimensions, the SVM separates nearly everything, and both say nothing
    ==============  ====================================================================================================

    The order of the pairs does not matter, to the last bit.

    Args:
        real: ``(n, d)``, of the originals.
        filled: ``(n, d)``, of the filled pictures in the same order.
        seed: of KID's subsets.

    Returns:
        By name; nothing for ``n`` below 2.
    """
    n = len(real)
    if n < 2:
        return {}
    real, filled = _in_own_order(np.asarray(real, np.float64), np.asarray(filled, np.float64))
    u_ids, p_ids = _inception_scores(real, filled)
    values = {"fid": _frechet(real, filled), "kid": _kernel(real, filled, seed), "u_ids": u_ids, "p_ids": p_ids}
    return {f"{name}_n{n}": value for name, value in values.items()}


def f1_with_fid(values: Mapping[str, float]) -> dict[str, float]:
    """The summaries by which LaMa (Suvorov et al. 2022) chooses checkpoints and compares models, in ``[0, 1]``.

    ``2 S F / (S + F + 0.001)`` of ``F = max(0, 100 - FID) / 100`` and of ``S``, SSIM in ``ssim_fid100_f1_n{n}`` and
    1 - LPIPS in ``lpips_fid100_f1_n{n}``; both 0 where FID is above 100.

    Args:
        values: one filler's metrics by name, among them ``fid_n{n}``.

    Returns:
        By name; nothing without FID, and none of a similarity that is missing.
    """
    similarities = {"ssim": values.get("ssim"), "lpips": 1 - values["lpips"] if "lpips" in values else None}
    found = {}
    for fid in (name for name in values if name.startswith("fid_n")):
        score = max(0.0, 100 - values[fid]) / 100
        for name, similarity in similarities.items():
            if similarity is not None:
                f1 = 2 * similarity * score / (similarity + score + 0.001)
                found[f"{name}_fid100_f1_{fid.removeprefix('fid_')}"] = f1
    return found


def _in_own_order(*sides: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The same pairs in an order that only their numbers decide: sums and solvers see it in their last bits."""
    digests = [sha256(b"".join(row.tobytes() for row in pair)).digest() for pair in zip(*sides, strict=True)]
    order = sorted(range(len(digests)), key=digests.__getitem__)
    return [side[order] for side in sides]


def _frechet(real: NDArray[np.float64], filled: NDArray[np.float64]) -> float:
    """With centered ``A`` and ``B``, the trace of ``(A'A B'B)^.5`` is the sum of the singular values of ``A B'``.

    These are the same for the triangles of their QR decompositions, which are no larger than the covariances. Unlike
    the root of a product of covariances it stays real where these are singular.
    """
    a, b = _triangle(real), _triangle(filled)
    spread = (np.square(a).sum() + np.square(b).sum() - 2 * np.linalg.norm(a @ b.T, "nuc")) / (len(real) - 1)
    return max(float(np.square(real.mean(0) - filled.mean(0)).sum() + spread), 0.0)  # rounding may leave less than none


def _triangle(features: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.qr(features - features.mean(0), mode="r"))


def _kernel(real: NDArray[np.float64], filled: NDArray[np.float64], seed: int) -> float:
    n = len(real)
    if n <= MAX_WHOLE:
        return _discrepancy(real, filled)
    rng = np.random.default_rng(seed)
    draws = ([rng.choice(n, SUBSET_SIZE, replace=False) for _ in range(2)] for _ in range(SUBSETS))
    return float(np.mean([_discrepancy(real[a], filled[b]) for a, b in draws]))


def _discrepancy(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    n = len(x)
    within = sum(float(k.sum() - k.trace()) for k in (_cubic(x, x), _cubic(y, y)))
    return within / (n * (n - 1)) - 2 * float(_cubic(x, y).mean())


def _cubic(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((x @ y.T / x.shape[1] + 1) ** 3)


def _inception_scores(real: NDArray[np.float64], filled: NDArray[np.float64]) -> tuple[float, float]:
    from sklearn.svm import LinearSVC

    classifier = LinearSVC(dual=False)  # this solver draws no random numbers
    features, is_real = np.concatenate([real, filled]), np.repeat([1, 0], len(real))
    classifier.fit(features, is_real)
    of_real, of_filled = np.split(classifier.decision_function(features), 2)
    wrong = np.concatenate([of_real <= 0, of_filled > 0])
    return float(wrong.mean()), float((of_filled > of_real).mean())
