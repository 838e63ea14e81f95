"""Training recipes: the LightningModules. They own optimizers and losses; networks and losses know no Lightning."""

from inlay.tasks.reconstruction import ReconstructionTask

__all__ = ["ReconstructionTask"]
