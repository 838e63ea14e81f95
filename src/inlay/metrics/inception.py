"""The network whose features FID and KID compare."""

from importlib.util import find_spec
from io import BytesIO
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from inlay.errors import Missing
from inlay.metrics.base import FeatureExtractor
from inlay.pretrained.weights import WeightsFile

ORIGIN = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"


class InceptionFeatures(FeatureExtractor):
    """The Inception network of FID (Heusel et al. 2017): TensorFlow's of 2015, its last pooled layer.

    2048 features of pictures that are rounded to 8 bits and resized to 299x299 as TensorFlow 1 did, without
    antialiasing. Those of filled and original pictures are compared by :func:`~inlay.metrics.fid_kid.distances`.
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
