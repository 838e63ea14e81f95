"""What a TDANet training step costs: both sides' updates of the published network at 256 px.

On a CPU the headline is a ratio to one 3x3 convolution of 256 channels, forward and backward, from process CPU seconds
on one thread, both interleaved in one process, minimum over the repeats: other load on the machine then matters little.
Shares of the phases, memory, parameters and arithmetic follow. On a GPU (``--device cuda``) it is the throughput and
memory of the step in bfloat16, eager and compiled. One JSON object a line: name, value, unit, goal.
"""

import argparse
import functools
import logging
import random
import resource
from collections.abc import Callable

import torch
from measuring.timing import Step, report, seconds
from torch import nn
from torch.optim import Optimizer
from torch.utils.flop_counter import FlopCounterMode

from inlay.losses import TwoPathLoss
from inlay.models import ResidualDiscriminator, TDANet
from inlay.ops import erase
from inlay.tasks import TDANetTask
from inlay.tasks.optimization import Loss
from inlay.tasks.tdanet import Generated
from inlay.text import GRUEncoder
from inlay.text.base import padded
from inlay.text_image import CLIPTextImage, TextImageModel
from inlay.types import Batch, Tokens

SIZE = 256  # pixels
BATCH = 2  # pictures of everything that is measured on a CPU
GPU_BATCHES = (10, 32)
GOALS = {"tdanet.step_over_conv": 70}  # the official code takes 143, its own DAMSM included
WEIGHTS = {"kl": 80, "l1": 40, "gan": 1, "score": 1, "words": 0.1, "sentence": 0.1}  # as published, for each path
WORDS = tuple(f"word{number}" for number in range(5450))  # as many as CUB's captions have
CAPTION = (8, 19)  # words, at least and at most
CLIP_START, CLIP_END = 49406, 49407  # ids below the start are words


class Phases:
    """A training step of the task, phase by phase, without the trainer that calls it otherwise."""

    def __init__(self, task: TDANetTask, batch: Batch) -> None:
        self.task, self.batch = task, batch
        self.discriminate, self.generate = task.configure_optimizers()[0]
        self.generated: Generated

    def forward(self) -> None:
        """Both paths."""
        self.generated = self.task.generate(self.batch, 0)

    def discriminator(self) -> None:
        """The discriminator's update."""
        self._update(self.discriminate, self.task.discriminator_loss)

    def generator(self) -> None:
        """The generator's update."""
        with self.task.frozen_discriminators():
            self._update(self.generate, self.task.generator_loss)
        del self.generated  # as the trainer lets go of them, too

    def phases(self) -> dict[str, Step]:
        """By name, in their order."""
        return {"forward": self.forward, "discriminator": self.discriminator, "generator": self.generator}

    def step(self) -> None:
        """All of it."""
        for phase in self.phases().values():
            phase()

    def _update(self, optimizer: Optimizer, loss: Callable[[Batch, Generated], Loss]) -> None:
        optimizer.zero_grad()
        loss(self.batch, self.generated).total.backward()
        optimizer.step()


def make_task(text_image: TextImageModel | None = None, compile: bool = False) -> TDANetTask:
    """The published sizes with a GRU of CUB's vocabulary and one discriminator, as ``conf`` puts them together."""
    weights = {f"{name}_{path}": weight for name, weight in WEIGHTS.items() for path in ("out", "rec")}
    return TDANetTask(
        net=TDANet(),
        loss=TwoPathLoss(weights),
        optimizer=functools.partial(torch.optim.Adam, lr=1e-4, betas=(0.0, 0.999)),
        scheduler=functools.partial(torch.optim.lr_scheduler.ConstantLR, factor=1.0),
        config={},
        text=GRUEncoder(WORDS, pad_to_multiple_of=8 if compile else 1),
        discriminator=ResidualDiscriminator,
        text_image=text_image,
        compile=compile,
    )


def lengths(batch: int) -> list[int]:
    """Words of each caption; the shortest and the longest are there."""
    return [*CAPTION, *random.Random(0).choices(range(CAPTION[0], CAPTION[1] + 1), k=batch - 2)]


def make_batch(task: TDANetTask, batch: int, device: str) -> Batch:
    """Random pictures with one rectangular hole each, a quarter of the area, and captions of random words."""
    image = torch.rand(batch, 3, SIZE, SIZE, device=device).contiguous(memory_format=torch.channels_last)
    mask = torch.zeros(batch, 1, SIZE, SIZE, device=device)
    mask[..., SIZE // 4 : 3 * SIZE // 4, SIZE // 4 : 3 * SIZE // 4] = 1
    captions = [" ".join(random.Random(count).choices(WORDS, k=count)) for count in lengths(batch)]
    tokens = on_device(task.text.tokenizer(captions), device)
    made = Batch(image=image, mask=mask, id=[""] * batch, caption=captions, tokens=tokens)
    if task.text_image is not None:
        made["text_image_tokens"] = on_device(clip_tokens(batch), device)
    return made


def clip_tokens(batch: int) -> Tokens:
    """Random words between a start and an end token, numbered as CLIP numbers them."""
    ids = [
        [CLIP_START, *random.Random(count).choices(range(CLIP_START), k=count), CLIP_END] for count in lengths(batch)
    ]
    words = [[id < CLIP_START for id in caption] for caption in ids]
    return padded(ids, words, CLIP_END, limit=77, pad_to_multiple_of=1)


def on_device(tokens: Tokens, device: str) -> Tokens:
    """Move tokens."""
    ids, attended, words = (tokens[name].to(device) for name in ("input_ids", "attention_mask", "words"))
    return Tokens(input_ids=ids, attention_mask=attended, words=words)


def inference(task: TDANetTask, batch: Batch) -> Step:
    """What the network does to fill a batch, captions read; to be run without gradients."""
    net = task.net
    masked = erase(batch["image"], batch["mask"])
    with torch.no_grad():
        text = task.read(batch)

    def step() -> None:
        net.eval()
        net(masked, batch["mask"], text)
        net.train()

    return step


def references() -> dict[str, Step]:
    """Forward and backward of a 3x3 convolution in either memory format; its input wants no gradient."""

    def in_format(memory_format: torch.memory_format) -> Step:
        conv = nn.Conv2d(256, 256, 3, padding=1).to(memory_format=memory_format)
        x, gradient = (torch.randn(BATCH, 256, 64, 64).contiguous(memory_format=memory_format) for _ in range(2))

        def step() -> None:
            conv.zero_grad()
            conv(x).backward(gradient)

        return step

    return {"NCHW": in_format(torch.contiguous_format), "NHWC": in_format(torch.channels_last)}


def measure(phases: dict[str, Step], repeats: int) -> dict[str, float]:
    """CPU seconds of phases, of all together (``whole``), and of the references, interleaved.

    Minima over the repeats, after one round of warming up; the references run several times a round, being short.
    """
    others = references()
    rounds = []
    for _ in range(repeats + 1):
        taken = {name: seconds(phase) for name, phase in phases.items()}
        taken["whole"] = sum(taken.values())
        rounds.append(taken | {name: min(seconds(other) for _ in range(5)) for name, other in others.items()})
    return {name: min(taken[name] for taken in rounds[1:]) for name in rounds[0]}


def gpu_seconds(step: Step, count: int) -> float:
    """Seconds of one of so many steps on the GPU, one straight after the other."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(count):
        step()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / 1000 / count


def report_ratio(name: str, taken: dict[str, float]) -> None:
    """Print CPU seconds over those of the reference in the memory format in which it is faster."""
    layout = min("NCHW", "NHWC", key=taken.__getitem__)
    report(name, taken["whole"] / taken[layout], f"ratio to one 256-channel convolution ({layout})", GOALS.get(name))


def measure_step(repeats: int) -> None:
    """The step and its shares, the memory it took, inference, and what both compute."""
    task = make_task()
    batch = make_batch(task, BATCH, "cpu")
    turns = Phases(task, batch)
    taken = measure(turns.phases(), repeats)
    report_ratio("tdanet.step_over_conv", taken)
    report("tdanet.conv", min(taken["NCHW"], taken["NHWC"]), "CPU s of the reference")
    for name in turns.phases():
        report(f"tdanet.share.{name}", 100 * taken[name] / sum(taken[name] for name in turns.phases()), "% of the step")
    report("tdanet.memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MiB at the peak")
    fill = inference(task, batch)
    report_ratio("tdanet.inference_over_conv", measure({"inference": torch.inference_mode()(fill)}, repeats))
    for name, step in (("step", turns.step), ("inference", torch.no_grad()(fill))):  # the counter wants tensors marked
        with FlopCounterMode(display=False) as counter:
            step()
        report(f"tdanet.arithmetic.{name}", counter.get_total_flops() / BATCH / 1e9, "GFLOP an image")
    report_parameters(task)


def measure_matched_step(repeats: int) -> None:
    """The step with CLIP ViT-B/32 looking at both answers."""
    task = make_task(CLIPTextImage(None, pretrained=False))
    turns = Phases(task, make_batch(task, BATCH, "cpu"))
    report_ratio("tdanet.step_over_conv.clip", measure(turns.phases(), repeats))


def report_parameters(task: TDANetTask) -> None:
    """What is trained, module by module, and what of the network is left for inference."""
    net = task.net
    names = ("encoder", "words", "prior", "posterior", "project", "generator")
    modules = {name: net.get_submodule(name) for name in names}
    for name, module in (modules | {"discriminator": task.discriminators, "text": task.text}).items():
        report(f"tdanet.parameters.{name}", parameters(module), "parameters")
    net.for_inference()
    report("tdanet.parameters.inference", parameters(net), "parameters")


def parameters(module: nn.Module) -> int:
    """How many numbers a module learns."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def measure_throughput(batch: int, compile: bool, repeats: int) -> None:
    """The step in bfloat16 on the GPU: images per second and peak memory."""
    torch.compiler.reset()  # a network that was compiled for another batch size would be compiled for any
    torch.cuda.empty_cache()
    torch.manual_seed(0)
    task = make_task(compile=compile).cuda()
    turns = Phases(task, make_batch(task, batch, "cuda"))

    def step() -> None:
        with torch.autocast("cuda", dtype=torch.bfloat16):
            turns.step()

    gpu_seconds(step, 5)  # compiles, chooses kernels, makes Adam's moments
    torch.cuda.reset_peak_memory_stats()
    fastest = min(gpu_seconds(step, 10) for _ in range(repeats))
    name = f"tdanet.step.bf16.{SIZE}px.batch{batch}.{'compiled' if compile else 'eager'}"
    report(f"{name}.throughput", batch / fastest, "images/s")
    report(f"{name}.memory", torch.cuda.max_memory_allocated() / 2**30, "GiB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--repeats", type=int, default=5, help="rounds that are timed (default 5)")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.manual_seed(0)
    if args.device == "cpu":
        torch.set_num_threads(1)
        measure_step(args.repeats)
        measure_matched_step(args.repeats)
    else:
        report(f"device: {torch.cuda.get_device_name()}", 1, "GPU")
        torch.backends.cudnn.benchmark = True
        for compile in (False, True):
            for batch in GPU_BATCHES:
                measure_throughput(batch, compile, args.repeats)


if __name__ == "__main__":
    main()
