"""Fillers whose answers are known."""

import torch

from inlay.fillers import Filler


class Painter(Filler):
    """Paints everything in one color and keeps what it was shown.

    Args:
        color: of the answer, RGB from 0 to 1.
        size: that it claims to have been trained on.
    """

    identity = "a test's"
    takes_text = takes_seed = True

    def __init__(self, color=(0.2, 0.4, 0.6), size=None):
        self.color, self.size = torch.tensor(color, dtype=torch.float32).view(1, 3, 1, 1), size
        self.images, self.masks, self.texts, self.seeds = [], [], [], []

    @property
    def shapes(self):
        return [tuple(image.shape) for image in self.images]

    def fill(self, image, mask, *, text=None, seed=None):
        self.images.append(image.clone())
        self.masks.append(mask.clone())
        self.texts.append(text)
        self.seeds.append(seed)
        return self.color.expand_as(image).clone()


class MeanOfSeen(Painter):
    """Answers with the mean of what is known of each window: a window without anything known is answered with NaN."""

    def fill(self, image, mask, *, text=None, seed=None):
        super().fill(image, mask, text=text, seed=seed)
        known = 1 - mask
        return ((image * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True)).expand_as(image).clone()
