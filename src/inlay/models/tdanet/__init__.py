"""TDANet, text-guided inpainting by two paths (Zhang et al. 2020)."""

from inlay.models.tdanet.network import Noise, Paths, TDANet

__all__ = ["Noise", "Paths", "TDANet"]
