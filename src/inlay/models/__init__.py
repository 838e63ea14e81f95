"""Networks in pure PyTorch (shapes and polarity: :mod:`inlay.types`).

Those that fill holes are :class:`~inlay.models.base.InpaintingNetwork` and declare what they take.
Each is imported on first use: DAMSM brings torchvision along, which takes seconds.
"""

from typing import TYPE_CHECKING

from inlay import lazy

if TYPE_CHECKING:
    from inlay.models.aot import AOTGenerator
    from inlay.models.damsm import DAMSM
    from inlay.models.discriminators import PatchDiscriminator, ResidualDiscriminator
    from inlay.models.gated import DeepFill
    from inlay.models.lama import LaMa
    from inlay.models.mobile import MobileUNet
    from inlay.models.pconv import PConvUNet
    from inlay.models.tdanet import TDANet
else:
    _HOMES = {
        "AOTGenerator": "aot",
        "DAMSM": "damsm",
        "DeepFill": "gated",
        "LaMa": "lama",
        "MobileUNet": "mobile",
        "PConvUNet": "pconv",
        "PatchDiscriminator": "discriminators",
        "ResidualDiscriminator": "discriminators",
        "TDANet": "tdanet",
    }
    __getattr__ = lazy.attach(__name__, _HOMES)

__all__ = [
    "DAMSM",
    "AOTGenerator",
    "DeepFill",
    "LaMa",
    "MobileUNet",
    "PConvUNet",
    "PatchDiscriminator",
    "ResidualDiscriminator",
    "TDANet",
]
