import torch

from inlay.fillers import Filler


class Painter(Filler):
    """Paints everything in one color, the known pixels too, keeps what it was given, and claims a training size."""

    identity = "a test's"
    takes_text = takes_seed = takes_reference = True

    def __init__(self, color=(0.2, 0.4, 0.6), size=None):
        self.color, self.size = torch.tensor(color, dtype=torch.float32).view(1, 3, 1, 1), size
        self.images, self.masks, self.texts, self.seeds, self.references = [], [], [], [], []

    @property
    def shapes(self):
        return [tuple(image.shape) for image in self.images]

    def fill(self, image, mask, *, text=None, reference=None, seed=None):
        self.images.append(image.clone())
        self.masks.append(mask.clone())
        self.texts.append(text)
        self.seeds.append(seed)
        self.references.append(reference)
        return self.paint(image, mask)

    def paint(self, image, mask):
        return self.color.expand_as(image).clone()


class MeanOfSeen(Painter):
    """Predicts the mean of what is known of each window, NaN where nothing is."""

    def paint(self, image, mask):
        known = 1 - mask
        return ((image * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True)).expand_as(image).clone()


class Negative(Painter):
    """Turns every pixel into its complement, and says that it takes nothing else."""

    takes_text = takes_seed = takes_reference = False

    def paint(self, image, mask):
        return 1 - image
