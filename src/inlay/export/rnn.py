"""Recurrent layers as loops that a graph can hold, for texts of any length."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Loop(nn.Module):
    """A recurrent layer as a loop over words: tracers have no other way for a number of words that is open.

    Args:
        layer: reads in one direction, is the only one, and takes ``(B, T, D)``; its weights are shared.
    """

    def __init__(self, layer: nn.GRU | nn.LSTM) -> None:
        super().__init__()
        cell = nn.LSTMCell if isinstance(layer, nn.LSTM) else nn.GRUCell
        self.cell = cell(layer.input_size, layer.hidden_size, layer.bias, device="meta")
        weights = {key.removesuffix("_l0"): value for key, value in layer.state_dict().items()}
        self.cell.load_state_dict(weights, assign=True)
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """``(B, T, D)`` to ``(B, T, hidden_size)``; the last state, which nobody reads, is None."""
        from torch._higher_order_ops import while_loop

        batch, length = x.shape[:2]
        answers = x.new_zeros(batch, length, self.cell.hidden_size)
        states = [x.new_zeros(batch, self.cell.hidden_size) for _ in range(1 + isinstance(self.cell, nn.LSTMCell))]

        def more(place: Tensor, *_: Tensor) -> Tensor:
            return place.sum() < length

        def read(place: Tensor, answers: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
            word = x.index_select(1, place)[:, 0]
            now = self.cell(word, states) if len(states) > 1 else (self.cell(word, *states),)
            return place + 1, answers.index_copy(1, place, now[0][:, None]), *now

        start = torch.zeros(1, dtype=torch.int64, device=x.device)
        return while_loop(more, read, (start, answers, *states))[1], None  # type: ignore[no-untyped-call]  # torch's


@contextmanager
def looped(module: nn.Module) -> Iterator[None]:
    """In here the recurrent layers of a module are :class:`Loop`."""
    layers = [
        (parent, name, child)
        for parent in module.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.GRU | nn.LSTM)
    ]
    for parent, name, child in layers:
        setattr(parent, name, Loop(child))
    try:
        yield
    finally:
        for parent, name, child in layers:
            setattr(parent, name, child)
