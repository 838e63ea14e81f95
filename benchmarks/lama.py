"""What LaMa costs: beside its own convolutions alone (the floor), and beside the plain form of its description.

On a CPU every line is a ratio, taken from process CPU seconds on one thread, all forms interleaved in one process,
minimum over the repeats: other load on the machine then matters little. The plain form (``measuring/naive_lama.py``)
computes in NCHW memory with a convolution for each pair of parts, and copies real and imaginary parts into and out of
their channels; its training step runs the generator twice and its perceptual network in float32. Phases of the step and
the memory of a large fill follow. On a GPU (``--device cuda``) it is the throughput and memory of the step in bfloat16,
eager and compiled, and of filling. One JSON object a line: name, value, unit, goal.
"""

import argparse
import functools
import logging
import resource
from collections.abc import Iterator

import torch
from measuring.convolutions import floor
from measuring.machine import cpu_name, multiplies_bf16, precisions, scene
from measuring.naive_lama import NaiveLaMa
from measuring.timing import Step, fastest, report, seconds
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from inlay.losses import (
    HoleL1,
    PerceptualL2,
    ResNet50Features,
    ValidL1,
    WeightedSum,
    feature_matching,
    non_saturating,
    patch_labels,
    r1_penalty,
)
from inlay.models import LaMa, PatchDiscriminator
from inlay.ops import erase
from inlay.tasks import GANTask
from inlay.types import Batch

SIZE, BATCH = 256, 2  # of everything that is measured on a CPU
GPU_BATCHES = (8, 32)
LARGE = 2048
GOALS = {
    "lama.forward.fp32_over_floor": 1.10,
    "lama.forward.fp32_over_naive": 0.85,
    "lama.forward.bf16_over_naive": 0.35,  # on a CPU with AMX
    "lama.step.fp32_over_naive": 0.85,
    "lama.step.bf16_over_naive": 0.45,
}
DENSE_BF16 = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""Operations a second that the makers state, without sparsity: what the roofline on a GPU is computed from."""


def measure_forward(repeats: int) -> None:
    """Filling: both precisions of ours against the floor and against the plain form."""
    net, naive = LaMa().eval(), NaiveLaMa().eval()
    net.for_inference()
    image, mask = scene(BATCH)
    masked = erase(image, mask)

    def call(module: nn.Module, bf16: bool = False) -> Step:
        def step() -> None:
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                module(masked, mask)

        return step

    steps = {"fp32": call(net), "naive": call(naive), "floor": floor(lambda: net(masked, mask))}
    if multiplies_bf16():
        steps["bf16"] = call(net, bf16=True)
    taken = fastest(steps, repeats)
    for form, other in (("fp32", "floor"), ("fp32", "naive"), ("bf16", "naive")):
        if form not in taken:
            continue
        name = f"lama.forward.{form}_over_{other}"
        report(name, taken[form] / taken[other], f"ratio to the {other} form, both float32 there", GOALS[name])


def make_task(compile: bool = False) -> GANTask:
    """The published sizes and weights, with a perceptual network of random weights, as ``conf`` puts them together."""
    terms = {
        "known": {"weight": 10, "term": ValidL1},
        "hole": {"weight": 0, "term": HoleL1},
        "perceptual": {"weight": 30, "term": PerceptualL2},
    }
    adam = torch.optim.Adam
    return GANTask(
        net=LaMa(),
        loss=WeightedSum(terms, {"resnet": functools.partial(ResNet50Features, "random")}),
        optimizer=functools.partial(adam, lr=1e-3),
        scheduler=functools.partial(torch.optim.lr_scheduler.ConstantLR, factor=1.0),
        config={},
        discriminator=PatchDiscriminator,
        discriminator_optimizer=functools.partial(adam, lr=1e-4),
        adversarial=10,
        feature_matching=100,
        labels="hole_aligned",
        r1=0.001,
        r1_every=1,
        compile=compile,
    )


class OurStep:
    """A training step of the task, phase by phase, without the trainer that calls it otherwise."""

    def __init__(self, task: GANTask, batch: Batch, bf16: bool) -> None:
        self.task, self.batch, self.bf16 = task, batch, bf16
        self.discriminate, self.generate = task.configure_optimizers()[0]

    def phases(self) -> dict[str, Step]:
        """By name, in their order."""
        return {"forward": self.forward, "discriminator": self.discriminator, "generator": self.generator}

    def forward(self) -> None:
        """The generator, once for both sides."""
        with self._autocast():
            self.generated = self.task.generate(self.batch, 0)

    def discriminator(self) -> None:
        """The discriminator's update, R1 included."""
        with self._autocast():
            loss = self.task.discriminator_loss(self.batch, self.generated).total
        self._update(loss, self.discriminate)

    def generator(self) -> None:
        """The generator's losses, backward pass and update."""
        with self.task.frozen_discriminators():
            with self._autocast():
                loss = self.task.generator_loss(self.batch, self.generated).total
            self._update(loss, self.generate)
        del self.generated

    def __call__(self) -> None:
        """All of it."""
        for phase in self.phases().values():
            phase()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.batch["image"].device.type, torch.bfloat16, enabled=self.bf16)

    def _update(self, loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        loss.backward()
        for group in optimizer.param_groups:
            nn.utils.clip_grad_norm_(group["params"], 1.0)
        optimizer.step()


def naive_step(image: Tensor, mask: Tensor) -> Step:
    """The step as published: generator first, its forward pass run again for the discriminator, all in float32."""
    generator, discriminator = NaiveLaMa(), PatchDiscriminator().to(memory_format=torch.contiguous_format)
    perceptual = ResNet50Features("random").to(memory_format=torch.contiguous_format)
    optimizers = [torch.optim.Adam(net.parameters(), lr=0.0) for net in (generator, discriminator)]
    masked = erase(image, mask)

    def step() -> None:
        discriminator.requires_grad_(False)
        raw = generator(masked, mask)
        fake, real = discriminator(raw), discriminator(image)
        loss = 10 * ((raw - image).abs() * (1 - mask)).mean() + 10 * non_saturating(fake.scores, 1.0)
        loss = loss + 100 * feature_matching(fake.features, real.features)
        pairs = zip(perceptual(raw).values(), perceptual(image).values(), strict=True)
        loss = loss + 30 * torch.stack([(a - b).square().mean() for a, b in pairs]).sum()
        update(loss, optimizers[0])
        discriminator.requires_grad_(True)
        with torch.no_grad():
            raw = generator(masked, mask)
        truth = image.clone().requires_grad_()
        scores = discriminator(truth).scores
        labels = patch_labels("hole_nearest", mask, (scores.shape[2], scores.shape[3]), None)
        loss = non_saturating(scores, 1.0) + non_saturating(discriminator(raw).scores, labels)
        update(loss + 0.001 * r1_penalty(scores, truth), optimizers[1])

    def update(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], 1.0)
        optimizer.step()

    return step


def measure_step(repeats: int) -> None:
    """Training: both precisions of ours against the plain form, and the shares of the phases."""
    image, mask = scene(BATCH)
    batch = Batch(image=image.contiguous(memory_format=torch.channels_last), mask=mask, id=[""] * BATCH)
    task = make_task()
    ours = {name: OurStep(task, batch, bf16=name == "bf16") for name in precisions()}
    taken = fastest({**ours, "naive": naive_step(image, mask)}, repeats)
    for name in ours:
        line = f"lama.step.{name}_over_naive"
        report(line, taken[name] / taken["naive"], "ratio to the naive form in float32", GOALS[line])
        shares = {phase: seconds(step) for phase, step in ours[name].phases().items()}
        for phase, share in shares.items():
            report(f"lama.step.{name}.share.{phase}", 100 * share / sum(shares.values()), "% of the step")


def measure_memory() -> None:
    """Peak memory of a large fill by Big LaMa, above what the process had before; to be called first."""
    net = LaMa(blocks=18).eval()
    net.for_inference()
    image, mask = scene(1, LARGE)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with torch.inference_mode():
        net(erase(image, mask), mask)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report(f"lama.memory.fill_{LARGE}px", (peak - before) / 2**20, "GiB above the weights, Big LaMa, float32")


def gpu_seconds(step: Step, count: int) -> float:
    """Seconds of one of so many steps on the GPU, one straight after the other."""

    def several() -> None:
        for _ in range(count):
            step()

    return seconds(several, "cuda") / count


def measure_gpu(repeats: int) -> None:
    """The bfloat16 step and filling on the GPU: images per second, peak memory, and the roofline of the arithmetic."""
    torch.backends.cudnn.benchmark = True
    device = torch.cuda.get_device_name()
    report(f"device: {device}", 1, "GPU")
    peak = next((speed for name, speed in DENSE_BF16.items() if name in device), None)
    for compile in (False, True):
        for batch in GPU_BATCHES:
            torch.compiler.reset()  # a network that was compiled for another batch size would be compiled for any
            torch.cuda.empty_cache()
            for name, step in gpu_steps(batch, compile):
                line = f"lama.{name}.bf16.{SIZE}px.batch{batch}.{'compiled' if compile else 'eager'}"
                with FlopCounterMode(display=False) as counter:
                    step()
                gpu_seconds(step, 5)  # compiles, chooses kernels, makes Adam's moments
                torch.cuda.reset_peak_memory_stats()
                taken = min(gpu_seconds(step, 10) for _ in range(repeats))
                report(f"{line}.throughput", batch / taken, "images/s")
                if peak is not None:
                    share = counter.get_total_flops() / peak / taken
                    report(f"{line}.roofline", 100 * share, "% of the dense bf16 peak, FFT not counted")
                report(f"{line}.memory", torch.cuda.max_memory_allocated() / 2**30, "GiB")


def gpu_steps(batch: int, compile: bool) -> Iterator[tuple[str, Step]]:
    """The training step, then filling."""
    image, mask = scene(batch, device="cuda")
    sample = Batch(image=image.contiguous(memory_format=torch.channels_last), mask=mask, id=[""] * batch)
    yield "step", OurStep(make_task(compile=compile).cuda(), sample, bf16=True)
    net = LaMa().eval()
    net.for_inference()
    net.cuda()
    if compile:
        net.compile(dynamic=False)
    masked = erase(image, mask)

    @torch.inference_mode()
    def fill() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            net(masked, mask)

    yield "fill", fill


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--repeats", type=int, default=3, help="rounds that are timed (default 3)")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.manual_seed(0)
    if args.device == "cuda":
        measure_gpu(args.repeats)
        return
    torch.set_num_threads(1)
    report(f"device: {cpu_name()}", 1, "CPU")
    measure_memory()
    measure_forward(args.repeats)
    measure_step(args.repeats)


if __name__ == "__main__":
    main()
