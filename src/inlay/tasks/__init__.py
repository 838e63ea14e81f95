"""Training recipes: the LightningModules. They own optimizers and losses; networks and losses know no Lightning."""

from inlay.tasks.adversarial import AdversarialTask
from inlay.tasks.inpainting import InpaintingTask
from inlay.tasks.reconstruction import ReconstructionTask
from inlay.tasks.tdanet import TDANetTask
from inlay.tasks.text_image import TextImageTask

__all__ = ["AdversarialTask", "InpaintingTask", "ReconstructionTask", "TDANetTask", "TextImageTask"]
