"""What every network that fills holes costs, a row each: what it is, what it takes to compute, what it is as a file.

All at 256 px on one CPU thread, each network in a process of its own. Ratios are of process CPU seconds, interleaved,
minimum over the repeats: the forward pass over the sum of the network's convolutions alone (NCHW, padded already), the
training step (L1, Adam) over the forward pass, onnxruntime over PyTorch. Memory is what PyTorch allocates. Contextual
attention, which is no convolution, is taken off and told apart, with its memory at 512 px beside that of its plain
form. One JSON object a line: name, value, unit, goal. ``--table`` adds the rows as a table in Markdown.
"""

import argparse
import functools
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from hydra import compose, initialize_config_dir
from hydra.utils import get_class, instantiate
from measuring.convolutions import floor
from measuring.machine import cpu_name, precisions, scene
from measuring.timing import Step, fastest, report
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from inlay.export.graphs import onnx_of
from inlay.export.wrappers import InpaintModule, exporting, traced
from inlay.models.base import InpaintingNetwork
from inlay.models.gated.attention import ContextualAttention
from inlay.ops import erase
from inlay.types import TextFeatures

CONF = Path(__file__).resolve().parents[1] / "conf"
SIZE, BATCH = 256, 1
LARGE = 512
GOALS = {"forward_fp32": 1.15, "forward_bf16": 1.15, "attention_memory": 0.25, "onnxruntime_512px": 0.35}
COLUMNS = {
    "parameters": "M parameters",
    "gmac": "GMAC",
    "forward_fp32": "forward / floor",
    "forward_bf16": "the same, bf16",
    "step": "step / forward",
    "memory": "MiB to fill",
    "onnx": "MB as ONNX",
    "onnxruntime": "onnxruntime / PyTorch",
}


def names() -> Iterator[str]:
    """The networks of ``conf/model`` that fill holes."""
    for path in sorted((CONF / "model").glob("*.yaml")):
        if issubclass(get_class(settings(path.stem)._target_), InpaintingNetwork):
            yield path.stem


def settings(name: str):  # noqa: ANN201 -- a node of OmegaConf
    """The configuration of a network."""
    with initialize_config_dir(str(CONF), version_base=None):
        return compose("train", [f"model={name}", "data.root=none"]).model


def conditions(net: InpaintingNetwork, image: Tensor) -> dict[str, object]:
    """What a network takes besides picture and hole."""
    given: dict[str, object] = {}
    if net.takes_text:
        words = torch.randn(len(image), 8, net.text_dim)
        given["text"] = TextFeatures(words, words.mean(1), torch.ones(len(image), 8, dtype=torch.bool))
    if net.takes_reference:
        given["reference"] = image
    if net.noise_spec is not None:
        given["noise"] = net.noise_spec.draw(image, 0)
    return given


def fill(net: InpaintingNetwork, size: int = SIZE, bf16: bool = False) -> Step:
    """A network's forward pass."""
    image, mask = scene(BATCH, size)
    given, masked = conditions(net, image), erase(image, mask)

    def step() -> None:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            net(masked, mask, **given)

    return step


def train(net: InpaintingNetwork) -> Step:
    """A step of training with the L1 of the whole picture."""
    image, mask = scene(BATCH)
    given, masked = conditions(net, image), erase(image, mask)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.0)

    def step() -> None:
        optimizer.zero_grad()
        F.l1_loss(net(masked, mask, **given), image).backward()
        optimizer.step()

    return step


def peak(step: Step) -> int:
    """The most bytes that a step holds at once, of what it allocates."""
    with torch.profiler.profile(profile_memory=True) as profile:
        step()
    held = most = 0
    events = profile.profiler.kineto_results.events()  # type: ignore[union-attr]
    for event in sorted((event for event in events if event.name() == "[memory]"), key=lambda event: event.start_ns()):
        held += event.nbytes()
        most = max(most, held)
    return most


def measure(name: str, repeats: int) -> None:
    """All figures of a network."""
    net = instantiate(settings(name)).eval()
    report(f"{name}.parameters", sum(weight.numel() for weight in net.parameters()) / 1e6, "millions")
    image, mask = scene(BATCH)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(erase(image, mask), mask, **conditions(net, image))
    report(f"{name}.gmac", counter.get_total_flops() / 2e9, f"GMAC at {SIZE} px, Fourier transforms not counted")
    trained = instantiate(settings(name))
    net.for_inference()
    report(f"{name}.memory", peak(fill(net)) / 2**20, f"MiB above the weights, at {SIZE} px")
    measure_forward(name, net, trained, repeats)
    measure_export(name, net, repeats)


def measure_forward(name: str, net: InpaintingNetwork, trained: InpaintingNetwork, repeats: int) -> None:
    """The forward pass over its floor, and the training step over the forward pass."""
    image, mask = scene(BATCH)
    alone = floor(functools.partial(net, erase(image, mask), mask, **conditions(net, image)))
    steps = {
        "floor": alone,
        "step": train(trained),
        **{p: fill(net, bf16=p == "bf16") for p in precisions()},
    }
    attention = attention_of(net)
    if attention is not None:
        steps["attention"] = attention
    taken = fastest(steps, repeats)
    apart = taken.get("attention", 0.0)
    for precision in precisions():
        line, goal = f"{name}.forward_{precision}", GOALS[f"forward_{precision}"]
        report(line, (taken[precision] - apart) / taken["floor"], "ratio to its convolutions in float32", goal)
    report(f"{name}.step", taken["step"] / taken["fp32"], "ratio to the forward pass in float32")
    if attention is not None:
        report(f"{name}.attention", 100 * apart / taken["fp32"], "% of the forward pass, not in forward_fp32")
        measure_attention(name, net)


def attention_of(net: nn.Module) -> Step | None:
    """The contextual attention of a network at the size that is measured."""
    layers = [layer for layer in net.modules() if isinstance(layer, ContextualAttention)]
    if not layers:
        return None
    x, (_, mask) = torch.randn(BATCH, attention_channels(net), SIZE // 4, SIZE // 4), scene(BATCH)

    def step() -> None:
        with torch.inference_mode():
            layers[0](x, mask)

    return step


def attention_channels(net: nn.Module) -> int:
    """Channels of what attention is asked about."""
    return int(net.near[-1].conv.out_channels) // 2  # type: ignore[union-attr, index, operator]


def measure_attention(name: str, net: nn.Module) -> None:
    """Memory of contextual attention on a large picture, and over that of its plain form, which comes second."""
    x, (_, mask) = torch.randn(1, attention_channels(net), LARGE // 4, LARGE // 4), scene(1, LARGE)
    with torch.inference_mode():
        ours, naive = (peak(functools.partial(layer, x, mask)) for layer in (ContextualAttention(), NaiveAttention()))
    report(f"{name}.attention_mib", ours / 2**20, f"MiB at {LARGE} px")
    report(
        f"{name}.attention_memory", ours / naive, f"ratio to the naive form at {LARGE} px", GOALS["attention_memory"]
    )


class NaiveAttention(nn.Module):
    """Contextual attention as published: picture by picture, patches as kernels of convolutions."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """``(B, C, H / 4, W / 4)`` to the same, with one mask for all."""
        height, width = x.shape[2] // 2, x.shape[3] // 2
        length = height * width
        kept = (F.unfold(mask[:1, :, ::8, ::8], 3, padding=1).mean(1) == 0).float().view(1, length, 1, 1)
        rows = torch.eye(3).view(1, 1, 3, 3)
        filled = []
        for one in x.split(1):
            small = one[..., ::2, ::2]
            keys = F.unfold(small, 3, padding=1).mT.reshape(length, -1, 3, 3)
            norm = keys.square().sum((1, 2, 3), keepdim=True).sqrt().clamp(min=1e-4)
            scores = F.conv2d(small, keys / norm, padding=1).view(1, 1, length, length)
            scores = F.conv2d(scores, rows, padding=1)
            scores = scores.view(1, height, width, height, width).permute(0, 2, 1, 4, 3).contiguous()
            scores = F.conv2d(scores.view(1, 1, length, length), rows, padding=1)
            scores = scores.view(1, width, height, width, height).permute(0, 2, 1, 4, 3).contiguous()
            weights = (scores.view(1, length, height, width) * kept * 10).softmax(dim=1) * kept
            patches = F.unfold(one, 4, padding=1, stride=2).mT.reshape(length, -1, 4, 4)
            filled.append(F.conv_transpose2d(weights, patches, stride=2, padding=1) / 4)
        return torch.cat(filled)


def measure_export(name: str, net: InpaintingNetwork, repeats: int) -> None:
    """Size as ONNX, and time in onnxruntime over that in PyTorch; of the small network also seconds at 512 px."""
    part = InpaintModule(net, {"family": type(net).__name__}).eval().requires_grad_(False)
    program = traced(part)
    with exporting(part):
        content = onnx_of(part, program)
    report(f"{name}.onnx", len(content) / 1e6, "MB, float32")
    runtime = one_thread(content)

    def run(size: int) -> Step:
        image, mask = scene(BATCH, size)
        text = conditions(net, image)
        given = {"image": image, "mask": mask, "noise": text.get("noise"), "reference": text.get("reference")}
        if net.takes_text:
            given |= dict(zip(("features", "sentence", "word_mask"), text["text"], strict=True))
        feeds = {key: np.asarray(given[key]) for key in part.inputs}
        return lambda: runtime.run(None, feeds)

    taken = fastest({"onnxruntime": run(SIZE), "torch": fill(net)}, repeats)
    report(f"{name}.onnxruntime", taken["onnxruntime"] / taken["torch"], "ratio to PyTorch")
    report(f"{name}.onnxruntime_ms", 1000 * taken["onnxruntime"], "ms of one core")
    if name == "mobile":
        line = f"{name}.onnxruntime_{LARGE}px"
        large = fastest({"large": run(LARGE)}, repeats)["large"]
        report(line, large, "CPU seconds of one core", GOALS["onnxruntime_512px"])


def one_thread(content: bytes):  # noqa: ANN201 -- a session of onnxruntime
    """A session that computes in the calling thread alone."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def rows(repeats: int) -> Iterator[str]:
    """The lines of all networks, each measured in a process of its own."""
    for name in names():
        command = [sys.executable, __file__, "--only", name, "--repeats", str(repeats)]
        yield from subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()


def table(lines: list[str]) -> str:
    """Figures as a table in Markdown, a row each network."""
    found: dict[str, dict[str, float]] = {}
    for line in map(json.loads, lines):
        name, _, figure = line["name"].partition(".")
        found.setdefault(name, {})[figure] = line["value"]
    shown = {key: title for key, title in COLUMNS.items() if any(key in row for row in found.values())}
    head = ["network", *shown.values()]
    body = [[f"`{name}`", *(f"{row[key]:.3g}" for key in shown)] for name, row in found.items()]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---", *["---:"] * len(shown)], *body])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="rounds that are timed (default 3)")
    parser.add_argument("--only", metavar="NAME", help="one network of conf/model")
    parser.add_argument("--table", action="store_true", help="print a table in Markdown at the end, too")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    if args.only:
        measure(args.only, args.repeats)
        return
    report(f"device: {cpu_name()}", 1, "CPU")
    lines = []
    for line in rows(args.repeats):
        print(line, flush=True)
        lines.append(line)
    if args.table:
        print(table(lines))


if __name__ == "__main__":
    main()
