"""What partial convolution costs: its U-Net beside a plain-convolution U-Net of the same shape.

On a CPU every line is a ratio to the plain network, taken from process CPU seconds on one thread, the two networks
interleaved in one process, minimum over the repeats: other load on the machine then matters little. On a GPU
(``--device cuda``) the ratios come from events on the device, and the throughput and memory of a whole training step
follow, eager and compiled. One JSON object a line: name, value, unit, goal.
"""

import argparse
import functools
import logging

import torch
import torch.nn.functional as F
from measuring.timing import Step, fastest, report, seconds
from torch import Tensor, nn

from inlay.losses import HoleL1, Perceptual, Style, TotalVariationLoss, ValidL1, VGG16Features, WeightedSum
from inlay.models import PConvUNet
from inlay.models.pconv import PConvBlock
from inlay.ops import composite, erase

GOALS = {
    "pconv.forward.fp32": 1.10,
    "pconv.unet_step.fp32": 1.05,
    "pconv.full_step.fp32": 1.03,
    "pconv.forward.bf16": 1.05,
    "pconv.unet_step.bf16": 1.12,
    "pconv.full_step.bf16": 1.05,
}
REPEATS = {"forward": 20, "unet_step": 12, "full_step": 4}  # timed rounds; the shorter the step, the more noise
GPU_GOALS = {256: 1400, 512: 370}  # images per second of a full bf16 step, batch 16; roofline 2860 and 748 on an H100
PAPER = {"valid": (1, ValidL1), "hole": (6, HoleL1), "perceptual": (0.05, Perceptual), "style": (120, Style)}


class PlainUNet(nn.Module):
    """The same convolutions, norms, activations and skips without masks: the floor."""

    def __init__(self, shape: PConvUNet) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(self._stage(stage) for stage in shape.encoder)
        self.decoder = nn.ModuleList(self._stage(stage) for stage in shape.decoder)
        self.to(memory_format=torch.channels_last)

    @staticmethod
    def _stage(stage: PConvBlock) -> nn.Sequential:
        conv = stage.conv
        layers: list[nn.Module] = [
            nn.Conv2d(
                conv.in_channels,
                conv.out_channels,
                conv.kernel_size,
                conv.stride,
                conv.padding,
                bias=conv.bias is not None,
            )
        ]
        if stage.norm is not None:
            layers.append(nn.BatchNorm2d(conv.out_channels))
        if stage.leak is not None:
            layers.append(nn.LeakyReLU(stage.leak, inplace=True))
        return nn.Sequential(*layers)

    def forward(self, masked: Tensor, mask: Tensor) -> Tensor:
        x, skips = masked.contiguous(memory_format=torch.channels_last), []
        for stage in self.encoder:
            skips.append(x)
            x = stage(x)
        for stage in self.decoder:
            x = stage(torch.cat([F.interpolate(x, scale_factor=2.0, mode="nearest"), skips.pop()], dim=1))
        return x


def paper_loss() -> WeightedSum:
    """The five terms with a VGG of random weights: the same arithmetic as with ImageNet's."""
    terms = {name: {"weight": weight, "term": term} for name, (weight, term) in PAPER.items()}
    terms["tv"] = {"weight": 0.1, "term": TotalVariationLoss}
    return WeightedSum(terms, {"vgg": functools.partial(VGG16Features, "random")})


def steps(net: nn.Module, image: Tensor, mask: Tensor, loss: WeightedSum, autocast: torch.autocast) -> dict[str, Step]:
    """What is measured of a network: inference, its own training step, the whole training step."""
    optimizer = torch.optim.Adam(net.parameters(), lr=0.0)  # weights stay, so that every repeat does the same work
    masked = erase(image, mask)

    def forward() -> None:
        net.eval()
        with torch.inference_mode(), autocast:
            net(masked, mask)

    def unet_step() -> None:
        net.train().zero_grad()
        with autocast:
            total = (net(masked, mask) - image).abs().mean()
        total.backward()

    def full_step() -> None:
        net.train().zero_grad()
        with autocast:
            raw = net(erase(image, mask), mask)
            total, _ = loss(raw, composite(raw, image, mask), image, mask)
        total.backward()
        optimizer.step()

    return {"forward": forward, "unet_step": unet_step, "full_step": full_step}


def ratio(candidate: Step, floor: Step, repeats: int, device: str) -> float:
    """Minimum against minimum over interleaved repeats."""
    taken = fastest({"floor": floor, "candidate": candidate}, repeats, device)
    return taken["candidate"] / taken["floor"]


def scene(size: int, batch: int, device: str) -> tuple[Tensor, Tensor]:
    """Random pictures with one rectangular hole each, a quarter of the area."""
    image = torch.rand(batch, 3, size, size, device=device).contiguous(memory_format=torch.channels_last)
    mask = torch.zeros(batch, 1, size, size, device=device)
    mask[..., size // 4 : 3 * size // 4, size // 4 : 3 * size // 4] = 1
    return image, mask


def measure_ratios(size: int, batch: int, device: str) -> None:
    """Every step in both precisions against the plain network."""
    net = PConvUNet().to(device)
    networks = {"pconv": net, "plain": PlainUNet(net).to(device)}
    image, mask = scene(size, batch, device)
    loss = paper_loss().to(device)
    for precision in ("fp32", "bf16"):
        autocast = torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bf16")
        measured = {name: steps(network, image, mask, loss, autocast) for name, network in networks.items()}
        for what in measured["pconv"]:
            name = f"pconv.{what}.{precision}"
            value = ratio(measured["pconv"][what], measured["plain"][what], REPEATS[what], device)
            report(name, value, "ratio to plain convolution", GOALS[name])


def measure_throughput(size: int, batch: int, repeats: int) -> None:
    """A full bf16 step with VGG on the GPU: images per second and peak memory, eager and compiled."""
    image, mask = scene(size, batch, "cuda")
    for mode in ("eager", "compiled"):
        torch.manual_seed(0)
        net, loss = PConvUNet(levels=7 if size <= 256 else 8).cuda(), paper_loss().cuda()
        if mode == "compiled":
            net.compile()
            loss.compile()
        full_step = steps(net, image, mask, loss, torch.autocast("cuda", dtype=torch.bfloat16))["full_step"]
        for _ in range(5):
            full_step()
        torch.cuda.reset_peak_memory_stats()
        shortest = min(seconds(full_step, "cuda") for _ in range(repeats))
        name = f"pconv.full_step.bf16.{size}px.{mode}"
        report(f"{name}.throughput", batch / shortest, "images/s", GPU_GOALS[size])
        report(f"{name}.memory", torch.cuda.max_memory_allocated() / 2**30, "GiB", None)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--size", type=int, default=256, help="pixels (default 256)")
    parser.add_argument("--batch", type=int, default=2, help="pictures a step of the ratios (default 2)")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    if args.device == "cpu":
        torch.set_num_threads(1)
    else:
        report(f"device: {torch.cuda.get_device_name()}", 1, "GPU")
        torch.backends.cudnn.benchmark = True
    measure_ratios(args.size, args.batch, args.device)
    if args.device == "cuda":
        for size in GPU_GOALS:
            measure_throughput(size, 16, 20)


if __name__ == "__main__":
    main()
