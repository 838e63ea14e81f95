"""Training recipes: the LightningModules. They own optimizers and losses; networks and losses know no Lightning."""

from inlay.tasks.adversarial import AdversarialTask, GANTask
from inlay.tasks.base import Task
from inlay.tasks.inpainting import InpaintingTask
from inlay.tasks.single_optimizer import ReconstructionTask, SupervisedTask
from inlay.tasks.tdanet import TDANetTask
from inlay.tasks.text_image import TextImageTask

__all__ = [
    "AdversarialTask",
    "GANTask",
    "InpaintingTask",
    "ReconstructionTask",
    "SupervisedTask",
    "TDANetTask",
    "Task",
    "TextImageTask",
]
