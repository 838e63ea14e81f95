"""The mathematics of diffusion, in plain PyTorch: what is noised, what is predicted, how a loss weighs it."""

from inlay.diffusion.objectives import Epsilon, Flow, Noised, Objective, Velocity, denoising_loss

__all__ = ["Epsilon", "Flow", "Noised", "Objective", "Velocity", "denoising_loss"]
