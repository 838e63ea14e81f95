"""Whether Inlay works: a hole filled, a step trained."""

from collections.abc import Iterator
from time import perf_counter

import torch
from torch import Tensor

from inlay.doctor import Finding
from inlay.fillers import Filler, NetworkFiller, Telea
from inlay.models import PConvUNet
from inlay.ops import erase

_REPAIR = "Install PyTorch and Inlay anew: make install (in a checkout), or pip install --force-reinstall torch inlay"
_SIDE, _STEPS, _RATE = 64, 4, 0.1
_APART = 0.01  # what another order of sums, and TensorFloat-32, may change


def trial() -> Iterator[Finding]:
    """A network and a classical method fill a hole, the network learns; on a GPU it fills as on the processor."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net, image, mask = PConvUNet(levels=4, width=4), torch.rand(1, 3, _SIDE, _SIDE), torch.zeros(1, 1, _SIDE, _SIDE)
    mask[..., 20:40, 16:48] = 1
    yield fills("a network", NetworkFiller(net), image, mask)
    yield fills("Telea", Telea(), image, mask)
    if torch.cuda.is_available():
        yield _agrees(net, image, mask)
    yield _learns(net.train().cpu(), image, mask)


def fills(subject: str, filler: Filler, image: Tensor, mask: Tensor) -> Finding:
    """Outside the hole nothing may change, inside there must be numbers."""
    start = perf_counter()
    filled = filler.fill(image, mask)
    took = 1000 * (perf_counter() - start)
    if not filled.isfinite().all():
        return Finding(subject, "fills a hole with what are no numbers", "problem", _REPAIR)
    if not ((filled == image) | (mask > 0)).all():
        return Finding(subject, "changes known pixels", "problem", _REPAIR)
    return Finding(subject, f"fills a hole in {took:.0f} ms and leaves known pixels bit for bit")


def _agrees(net: PConvUNet, image: Tensor, mask: Tensor) -> Finding:
    here = NetworkFiller(net).fill(image, mask)
    apart = (NetworkFiller(net, device="cuda").fill(image, mask) - here).abs().max().item()
    if not apart < _APART:  # so that NaN is refused, too
        remedy = "Update NVIDIA's driver, or fill on the processor: --device cpu, trainer=cpu"
        return Finding("GPU", f"fills a hole differently from the processor, by {apart:.3f}", "problem", remedy)
    return Finding("GPU", "fills a hole as the processor does")


def _learns(net: PConvUNet, image: Tensor, mask: Tensor) -> Finding:
    """Gradient descent by hand: an optimizer of PyTorch brings its compiler along, seconds of imports."""
    losses, start = [], perf_counter()
    for _ in range(_STEPS):
        loss = (net(erase(image, mask), mask) - image).square().mean()
        slopes = torch.autograd.grad(loss, [*net.parameters()])
        with torch.no_grad():
            torch._foreach_sub_([*net.parameters()], slopes, alpha=_RATE)
        losses.append(loss.item())
    passed = f"loss {losses[0]:.3f} to {losses[-1]:.3f} in {_STEPS} steps, {perf_counter() - start:.1f} s"
    if not losses[-1] < losses[0]:
        return Finding("training", f"does not learn: {passed}", "problem", _REPAIR)
    return Finding("training", passed)
