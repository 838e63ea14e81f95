"""A trained network that another one learns from."""

from collections import OrderedDict
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from inlay.checkpoints.building import build_network
from inlay.errors import InlayError
from inlay.models.base import InpaintingNetwork
from inlay.models.frozen import Frozen


class Teacher(Frozen):
    """The network of a checkpoint, frozen, and as it fills holes.

    Args:
        checkpoint: of ``inlay train``, or a folder of ``inlay export`` or ``inlay import``.
        cached: megabytes of answers that are kept and given again for the same picture with the same hole. That is of
            use where data repeats itself exactly: without random crops and flips, and with frozen masks. Pictures are
            then asked for one by one, so that an answer does not depend on the batch that it was made in.

    Raises:
        InlayError: there is no checkpoint, it cannot be used, its network reads text, or ``cached`` is negative.
    """

    def __init__(self, checkpoint: str | Path | None, cached: int = 0) -> None:
        super().__init__()
        if checkpoint is None:
            raise InlayError("loss=distill learns from a trained network. Name its checkpoint: teacher=CKPT.")
        if cached < 0:
            raise InlayError(f"teacher.cached must be at least 0 megabytes, got {cached}.")
        net = build_network(checkpoint)
        if not isinstance(net, InpaintingNetwork) or net.takes_text:
            raise InlayError(f"{checkpoint}: {type(net).__name__} cannot teach: it has to fill holes without text.")
        net.for_inference()
        self.net = net
        self.room = cached * 2**20
        self.answers: OrderedDict[bytes, Tensor] = OrderedDict()
        self.freeze()

    @torch.no_grad()
    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Fill holes: ``(B, 3, H, W)`` in ``[0, 1]`` and ``(B, 1, H, W)``, 1 = hole, to ``raw``, without gradient."""
        if not self.room:
            return self.net.inpaint(image, mask)
        return torch.cat(
            [self._remembered(*one) for one in zip(torch.split(image, 1), torch.split(mask, 1), strict=True)]
        )

    def _remembered(self, image: Tensor, mask: Tensor) -> Tensor:
        key = sha256(torch.cat([image, mask], dim=1).float().contiguous().cpu().numpy().tobytes()).digest()
        if key in self.answers:
            self.answers.move_to_end(key)
        else:
            # kept and given in half precision, so that the first answer is that of every later time
            self.answers[key] = self.net.inpaint(image, mask).half().cpu()
            while len(self.answers) > 1 and len(self.answers) * self.answers[key].nbytes > self.room:
                self.answers.popitem(last=False)
        return self.answers[key].to(image)
