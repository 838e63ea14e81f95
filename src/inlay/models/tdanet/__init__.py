"""TDANet, text-guided inpainting by two paths (Zhang et al. 2020)."""

from inlay.models.tdanet.network import Noise, TDANet, TwoPathOutput

__all__ = ["Noise", "TDANet", "TwoPathOutput"]
