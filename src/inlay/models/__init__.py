"""Networks in pure PyTorch (shapes and polarity: :mod:`inlay.types`).

Each that fills holes maps ``(masked, mask)`` to ``raw``; a text-guided one is given text features and noise, too.
"""

from inlay.models.damsm import DAMSM
from inlay.models.discriminators import ResidualDiscriminator
from inlay.models.pconv import PConvUNet
from inlay.models.tdanet import TDANet

__all__ = ["DAMSM", "PConvUNet", "ResidualDiscriminator", "TDANet"]
