"""Before the first step: figures that agree with a hand count, warnings that are due, and no trace of the measuring."""

import copy
import functools
import re
from contextlib import nullcontext
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import pytorch_lightning as pl
import torch
from rich.console import Console
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from inlay.callbacks import Checkpoints, Preflight, flops_memory, preflight, run_stats
from inlay.callbacks.flops_memory import StepCosts, attempt, fill_flops, state_bytes, step_costs, without_trace
from inlay.callbacks.preflight import disk_warning, table, warnings
from inlay.callbacks.run_stats import Memory, RunStats
from inlay.data.samples import TrainingSamples
from inlay.errors import BadFile, InlayError
from inlay.models.base import InpaintingNetwork
from inlay.models.layers.cpu_sync_batch_norm import CPUSyncBatchNorm2d
from inlay.tasks import AdversarialTask, ReconstructionTask
from inlay.tasks.optimization import Loss
from inlay.tasks.single_optimizer import SingleOptimizerTask
from inlay.types import Batch
from tests.kills import remains
from tests.models.model_tester import build
from tests.training import TDANET, TINY_TEXT, train

SIDE = 16
PIXELS = SIDE * SIDE
STATS = RunStats(
    parts={"net": {"trained": 1000, "frozen": 0}, "loss": {"trained": 0, "frozen": 1_735_488}},
    step=StepCosts(2.5e9, 2**20),
    fill=1e9,
    memory=Memory(2**20, 2**20, 2**21, 0, 2**24, 2**30, "a GPU"),
    holes=[0.2, 0.3],
    learning_rate=2e-4,
    training=162,
    validation=10,
    batch=16,
    processes=2,
    accumulate=2,
    iterations=1000,
)


class TwoConvolutions(InpaintingNetwork):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 3, 1)

    def forward(self, masked, mask):
        return self.second(self.first(masked).relu())


def make_batch(pictures=2, side=SIDE):
    mask = torch.zeros(pictures, 1, side, side)
    mask[..., side // 4 : side // 2, side // 4 : side // 2] = 1
    return Batch(image=torch.rand(pictures, 3, side, side), mask=mask, id=["a"] * pictures)


def make_task(net, kind=ReconstructionTask):
    return kind(
        net=net,
        loss=lambda raw, *_: (raw.square().sum(), {}),  # keeps its input alone
        optimizer=functools.partial(torch.optim.Adam, lr=1e-3),
        scheduler=functools.partial(torch.optim.lr_scheduler.ConstantLR, factor=1.0),
        config={"seed": 0},
    ).train()


class TwoSided(AdversarialTask):
    """The smallest adversarial recipe: both sides are convolutions of one pixel."""

    def __init__(self, net, loss, **options):
        super().__init__(net, [nn.Conv2d(3, 64, 1)], loss, **options)

    def generate(self, batch, part):
        return self.net(batch["image"], batch["mask"])

    def discriminator_loss(self, batch, generated):
        return Loss(self.discriminators[0](generated.detach()).square().sum(), {})

    def generator_loss(self, batch, generated):
        return Loss(generated.square().sum(), {})


class TestCosts:
    FIRST, SECOND = 2 * 8 * 3 * 9 * PIXELS, 2 * 3 * 8 * PIXELS  # multiplications and additions of a forward pass

    def test_agree_with_a_hand_count(self):
        task = make_task(TwoConvolutions())
        found = step_costs(task, make_batch())
        # backward, each convolution costs as much again for its weights; for its input, the second one alone
        assert found.flops == 2 * self.FIRST + 3 * self.SECOND
        # the masked picture, what the ReLU leaves, the answer, which the loss squares; a byte for which pixels are hole
        assert found.activations == 4 * PIXELS * (3 + 8 + 3) + PIXELS
        assert fill_flops(task, make_batch()) == self.FIRST + self.SECOND

    def test_operations_agree_with_those_that_pytorch_counts(self):
        task, batch = make_task(build("pconv")), make_batch(side=32)
        with FlopCounterMode(display=False) as theirs:
            (loss,) = task.losses(batch)
            loss.total.backward()
        assert step_costs(task, batch).flops == theirs.get_total_flops() / 2 > 0

    def test_copies_of_weights_in_half_precision_are_no_activations(self):
        for pictures in (2, 5):
            with torch.autocast("cpu", torch.bfloat16):
                measured = step_costs(make_task(TwoConvolutions()), make_batch(pictures))
            assert measured.activations == 2 * PIXELS * (3 + 8 + 3) + PIXELS

    def test_of_two_turns_the_larger_one_counts(self):
        game = make_task(TwoConvolutions(), TwoSided)
        # the discriminator looks at the answer, which is kept already; what it says, 64 channels, is squared
        assert step_costs(game, make_batch()).activations == 4 * PIXELS * ((3 + 8 + 3) + 64)

    def test_recomputed_activations_take_less_memory_and_more_work(self):
        plain = step_costs(make_task(build("pconv")), make_batch(side=32))
        again = step_costs(make_task(build("pconv", "model.gradient_checkpointing=true")), make_batch(side=32))
        assert again.activations < 0.8 * plain.activations
        assert 1.2 * plain.flops < again.flops < 1.5 * plain.flops

    @pytest.mark.parametrize(
        ("kind", "options", "copies"),
        [
            (torch.optim.Adam, {}, 2),
            (torch.optim.Adam, {"amsgrad": True}, 3),
            (torch.optim.AdamW, {}, 2),
            (torch.optim.SGD, {"lr": 0.1}, 0),
            (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}, 1),
        ],
    )
    def test_state_of_optimizers_that_have_not_stepped(self, kind, options, copies):
        weights = [nn.Parameter(torch.ones(5, 4)), nn.Parameter(torch.ones(3))]
        optimizer = kind(weights, **options)
        torch.optim.lr_scheduler.ConstantLR(optimizer)  # replaces its method `step`
        assert state_bytes(optimizer) == copies * 23 * 4
        assert not optimizer.state
        assert all(weight.eq(1).all() for weight in weights)

    def test_measuring_leaves_no_trace(self):
        net = TwoConvolutions()
        net.second = nn.Sequential(nn.BatchNorm2d(8), nn.Dropout(0.5), net.second)
        task = make_task(net)
        before, random = copy.deepcopy(task.state_dict()), torch.get_rng_state()
        net.compile(backend=Mock(side_effect=AssertionError("compiled")))
        with without_trace(task):
            step_costs(task, make_batch())
            assert not torch.equal(torch.get_rng_state(), random)  # dropout
            assert not torch.equal(task.net.second[0].running_mean, before["net.second.0.running_mean"])
            fill_flops(task, make_batch())
        assert all(torch.equal(value, before[name]) for name, value in task.state_dict().items())
        assert torch.equal(torch.get_rng_state(), random)
        assert all(module.training for module in task.modules())
        assert all(parameter.grad is None for parameter in task.parameters())
        with pytest.raises(Exception, match="compiled"):
            task.fill(make_batch())

    @pytest.mark.parametrize("shared", [nn.SyncBatchNorm, CPUSyncBatchNorm2d])
    def test_batch_norm_asks_no_other_process(self, shared, monkeypatch):
        net = TwoConvolutions()
        net.second = nn.Sequential(shared(8), nn.Conv2d(8, 3, 1))
        monkeypatch.setattr(shared, "forward", Mock(side_effect=AssertionError("waits for the others")))
        task = make_task(net)
        with without_trace(task):
            assert step_costs(task, make_batch()).flops > 0
        with pytest.raises(AssertionError, match="waits for the others"):
            task.fill(make_batch())

    def test_failing_between_two_turns_leaves_discriminators_trainable(self, monkeypatch):
        game, calls, grad = make_task(TwoConvolutions(), TwoSided), [], torch.autograd.grad

        def second_time_out_of_memory(*arguments, **options):
            calls.append([p.requires_grad for p in game.discriminators.parameters()])
            if len(calls) == 2:
                raise RuntimeError("out of memory\nat length")
            return grad(*arguments, **options)

        monkeypatch.setattr(flops_memory.torch.autograd, "grad", second_time_out_of_memory)
        assert attempt(lambda: step_costs(game, make_batch())) == "RuntimeError: out of memory"
        assert calls == [[True, True], [False, False]]
        assert all(p.requires_grad for p in game.discriminators.parameters())


def shown(found):
    console = Console(width=120, markup=False)
    with console.capture() as capture:
        console.print(table(found))
    return capture.get()


class TestTable:
    def test_says_everything(self):
        text = " ".join(shown(STATS).replace("│", " ").split())
        for line in (
            "parameters net 1,000 trained",
            "loss 1,735,488 frozen",
            "a training step 2.5 GFLOP a picture",
            "filling a hole 1.0 GFLOP a picture",
            "optimizer 2.0 MiB",
            "activations 16.0 MiB (4 pictures x 4.0 MiB)",
            "together, at least 20.0 MiB of 1.0 GiB (a GPU)",
            "training 162 pictures",
            "validation 10 pictures",
            "a batch 16 pictures, 8 in each of 2 processes, computed in 2 parts",
            "iterations 1,000",
            "passes 98.8 over the training pictures",
            "holes of 2 masks 25.0% of a picture, 20.0% to 30.0%",
        ):
            assert line in text
        assert "average" not in text

    def test_says_why_something_is_not_known_and_leaves_out_what_a_recipe_has_not(self):
        text = shown(STATS._replace(step="[why]", memory="[why]", holes="BadFile: a.jpg: torn"))
        assert text.count("not measured ([why])") == 2
        assert "not measured (BadFile: a.jpg: torn)" in text
        assert "the first 16 samples again and again" in shown(STATS._replace(only=16))
        text = shown(STATS._replace(fill=None, holes=None))
        assert "hol" not in text
        assert "not measured" not in text


class TestWarnings:
    def test_none_where_all_is_well(self):
        assert list(warnings(STATS, 2e-4)) == []
        assert list(warnings(STATS._replace(memory="unknown", holes="unknown"))) == []
        assert list(warnings(STATS._replace(holes=None), reference_lr=2.1e-5)) == []
        assert list(warnings(STATS._replace(iterations=101_250, only=16))) == []
        assert list(warnings(STATS._replace(learning_rate=100.0))) == []
        for name in ("reference_lr", "reference_batch"):
            with pytest.raises(InlayError, match=f"{name} must be null or above 0, got 0"):
                Preflight(**{name: 0})

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"learning_rate": 2e-3}, "optimizer.lr=0.002 is 10 times the recipe's 0.0002: .* Set optimizer.lr=0.0002"),
            ({"batch": 8, "iterations": 1000}, "data.batch_size=8 is below 12, .* Set data.batch_size=12"),
            ({"iterations": 101_250}, "pass 10,000 times over 162 training pictures: .* iterations=20250 at most"),
            ({"training": 9}, "batch_size=16 is more than the 9 training pictures: .* data.batch_size=9 at most"),
            ({"iterations": 5}, "iterations=5 see 49% of the 162 training pictures.* iterations=11 at least"),
            ({"small": 0.25}, "25% of the training pictures are smaller than data.image_size, .* Set a smaller"),
            ({"holes": [0.0, 0.0]}, "hide hardly any of a picture: 0.00% on average of 2. .*inlay masks preview"),
            ({"holes": [0.001, 0.015]}, "hide hardly any of a picture: 0.80% on average"),
            ({"holes": [0.85, 0.99]}, "hide nearly all of a picture: 92.00% on average"),
            ({"memory": STATS.memory._replace(activations=2**31)}, "about 2.0 GiB .* a GPU has 1.0 GiB. Lower .*=16,"),
        ],
    )
    @pytest.mark.stranger("B.6")
    def test_name_the_number_and_a_remedy(self, change, said):
        (line,) = warnings(STATS._replace(**change), reference_lr=2e-4, reference_batch=12)
        assert re.search(said, line)
        assert "\n" not in line

    @pytest.mark.stranger("B.6")
    def test_checkpoints_that_have_no_room_are_told(self, tmp_path, monkeypatch):
        kept = Checkpoints(str(tmp_path / "checkpoints"), "val/psnr", every=10)
        monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: SimpleNamespace(free=2**20))
        (line,) = disk_warning(STATS, kept)
        assert re.search(r"4 checkpoints of \S+ MiB, one every 10 .* and 1.0 MiB are free. .*run_dir=", line)
        monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: SimpleNamespace(free=2**40))
        assert list(disk_warning(STATS, kept)) == []


@pytest.fixture
def seen(monkeypatch):
    found, collect = [], run_stats.collect
    monkeypatch.setattr(preflight, "collect", lambda *given: found.append(collect(*given)) or found[-1])
    return found


def test_a_run_with_it_ends_on_the_same_bits_as_one_without(tmp_path, picture_folder, seen, capsys, caplog):
    settings = [f"data.root={picture_folder}", "data.batch_size=4", "task.accumulate=2"]
    settings += ["callbacks=averaged", "optimizer.lr=1e-3"]
    train(tmp_path / "without", *settings, "iterations=2")
    assert seen == []
    train(tmp_path / "with", *settings, "iterations=2", "callbacks.preflight.reference_lr=1e-5", preflight=True)
    assert remains(tmp_path / "with") == remains(tmp_path / "without")
    assert capsys.readouterr().out.count("Before the first step") == 1
    (warning,) = [record.message for record in caplog.records if "the recipe's" in record.message]
    assert warning.startswith("optimizer.lr=0.001 is 100 times")

    (found,) = seen
    net = build("pconv", "model.width=4", "model.levels=4")
    numbers = sum(parameter.numel() for parameter in net.parameters())
    assert found.parts == {"net": {"trained": numbers, "frozen": 0}}
    assert found.memory[1:4] == (4 * numbers, 8 * numbers, 4 * numbers)
    assert found.memory.weights == 4 * numbers + sum(buffer.nbytes for buffer in net.buffers())
    assert found.memory.activations == 2 * found.step.activations
    assert found.step.flops > found.fill > 0
    assert found[5:] == (1e-3, 3, 2, 4, 1, 2, 2, None, 0.0)
    assert found.passes == 8 / 3
    assert len(found.holes) == 32
    assert all(0.05 < ratio < 0.7 for ratio in found.holes)
    assert found.memory.there > 2**28

    train(tmp_path / "with", *settings, "iterations=3", "resume=last", preflight=True)
    assert seen[1] == found._replace(iterations=3)
    assert capsys.readouterr().out.count("Before the first step") == 1


@pytest.mark.slow
def test_a_game_with_it_ends_on_the_same_bits_as_one_without(tmp_path, noise, seen):
    settings = [f"data.root={noise}", "iterations=1", *TDANET, "callbacks=plain", "task.r1=1.0"]
    settings += ["scheduler=one_cycle"]  # begins at a lower rate
    train(tmp_path / "without", *settings, tiny=TINY_TEXT)
    train(tmp_path / "with", *settings, tiny=TINY_TEXT, preflight=True)
    (found,) = seen
    assert found.step.flops > 5 * found.fill > 0
    assert list(found.parts) == ["net", "text", "discriminators"]
    assert found.memory.optimizer == 2 * found.memory.gradients
    assert found.memory.average == 0
    assert found.learning_rate == 1e-4
    assert remains(tmp_path / "with") == remains(tmp_path / "without")


def test_a_recipe_that_fills_nothing_has_no_holes():
    class Encoder(SingleOptimizerTask):
        def batch_loss(self, batch):
            return Loss(self.net(batch["image"]).square().sum(), {})

    def collate(samples):
        return {"image": torch.stack(samples), "skipped": []}

    task, samples = make_task(nn.Conv2d(3, 2, 1), Encoder), {(0, 0): torch.rand(3, 8, 8), (1, 0): torch.rand(3, 8, 8)}
    loader = SimpleNamespace(
        stream=SimpleNamespace(length=1, limit=None), dataset=samples, batch_size=4, collate_fn=collate
    )
    trainer = SimpleNamespace(
        train_dataloader=loader,
        val_dataloaders=None,
        world_size=2,
        num_devices=2,
        max_steps=10,
        callbacks=[],
        optimizers=[torch.optim.Adam(task.parameters(), lr=1.0)],
        precision_plugin=SimpleNamespace(forward_context=nullcontext),
        strategy=SimpleNamespace(batch_to_device=lambda batch: batch, root_device=torch.device("cpu")),
    )
    found = run_stats.collect(trainer, task, [])
    assert (found.fill, found.holes) == (None, None)
    assert found.step == StepCosts(2 * 2 * 3 * 2 * 64, 4 * 64 * (3 + 2))
    assert found.memory[:5] == (32, 32, 64, 0, 4 * 4 * 64 * (3 + 2))
    assert found.memory.device == "1/2 of this machine"
    assert found[6:12] == (1, 0, 8, 2, 1, 10)


def test_a_run_goes_on_where_nothing_can_be_measured(tmp_path, picture_folder, seen, capsys, monkeypatch):
    torn = BadFile("a.png", "torn")
    monkeypatch.setattr(TrainingSamples, "__getitem__", Mock(side_effect=torn))
    with pytest.raises(InlayError, match=r"a.png: torn"):  # of the first step
        train(tmp_path, f"data.root={picture_folder}", "iterations=2", preflight=True)
    (found,) = seen
    assert found.step == found.fill == found.memory == found.holes == "BadFile: a.png: torn"
    assert "not measured (BadFile: a.png: torn)" in capsys.readouterr().out


def test_other_processes_do_nothing_and_weights_that_are_shared_out_are_not_measured_by_one(capsys):
    Preflight().on_train_start(SimpleNamespace(is_global_zero=False), None)
    assert capsys.readouterr().out == ""
    trainer = SimpleNamespace(strategy=Mock(spec=pl.strategies.FSDPStrategy))
    step, fill = run_stats._measure(trainer, make_task(TwoConvolutions()), None)
    assert step == fill == "InlayError: the weights are shared out over the processes"


def test_slow_masks_are_few(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(run_stats.time, "monotonic", lambda: next(clock) * 0.3)
    masks = {(0, place): {"mask": torch.full((2, 2), place / 64)} for place in range(64)}
    assert run_stats._hole_ratios(masks, 64) == [0.0, 2 / 64, 4 / 64, 6 / 64]
