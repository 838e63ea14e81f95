"""Networks in pure PyTorch (shapes and polarity: :mod:`inlay.types`).

Each that fills holes maps ``(masked, mask)`` to ``raw``; a text-guided one is given text features and noise, too.
A network is imported when it is asked for: DAMSM brings torchvision along, seconds that the others do without.
"""

from typing import TYPE_CHECKING

from inlay import lazy

if TYPE_CHECKING:
    from inlay.models.damsm import DAMSM
    from inlay.models.discriminators import ResidualDiscriminator
    from inlay.models.pconv import PConvUNet
    from inlay.models.tdanet import TDANet
else:
    _HOMES = {"DAMSM": "damsm", "PConvUNet": "pconv", "ResidualDiscriminator": "discriminators", "TDANet": "tdanet"}
    __getattr__ = lazy.attach(__name__, _HOMES)

__all__ = ["DAMSM", "PConvUNet", "ResidualDiscriminator", "TDANet"]
