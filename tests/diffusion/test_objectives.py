import pytest
import torch
from diffusers import DDPMScheduler
from diffusers.training_utils import compute_snr

from inlay.diffusion import Epsilon, Flow, Velocity, denoising_loss
from inlay.errors import InlayError

SCHEDULER = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
ALPHAS = SCHEDULER.alphas_cumprod
LEVELS = torch.tensor([0, 1, 500, 999])
OBJECTIVES = {"epsilon": Epsilon(ALPHAS), "velocity": Velocity(ALPHAS), "flow": Flow()}


def samples(seed=0):
    numbers = torch.Generator().manual_seed(seed)
    return torch.randn(4, 4, 8, 8, generator=numbers), torch.randn(4, 4, 8, 8, generator=numbers)


def levels_of(objective):
    return torch.tensor([0.01, 0.2, 0.5, 0.99]) if isinstance(objective, Flow) else LEVELS


@pytest.mark.parametrize("name", ["epsilon", "velocity"])
def test_sample_and_target_are_those_of_diffusers(name):
    clean, noise = samples()
    made = OBJECTIVES[name].noised(clean, noise, LEVELS)
    torch.testing.assert_close(made.sample, SCHEDULER.add_noise(clean, noise, LEVELS))
    target = noise if name == "epsilon" else SCHEDULER.get_velocity(clean, noise, LEVELS)
    torch.testing.assert_close(made.target, target)
    assert made.timestep.tolist() == LEVELS.tolist()


def test_flow_goes_in_a_straight_line_from_clean_to_noise():
    clean, noise = samples()
    made = Flow().noised(clean, noise, torch.tensor([0.0, 0.25, 0.5, 1.0]))
    torch.testing.assert_close(made.sample[0], clean[0])
    torch.testing.assert_close(made.sample[1], 0.75 * clean[1] + 0.25 * noise[1])
    torch.testing.assert_close(made.sample[3], noise[3])
    torch.testing.assert_close(made.target, noise - clean)
    assert made.timestep.tolist() == [0, 250, 500, 1000]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_true_target_gives_the_clean_sample_back(name):
    objective, (clean, noise) = OBJECTIVES[name], samples()
    level = levels_of(objective)
    made = objective.noised(clean, noise, level)
    torch.testing.assert_close(objective.clean(made.sample, made.target, level), clean, atol=2e-4, rtol=0)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_bfloat16_does_not_reach_the_schedule(name):
    objective, (clean, noise) = OBJECTIVES[name], samples()
    with torch.autocast("cpu", torch.bfloat16):
        made = objective.noised(clean, noise, levels_of(objective))
        loss = denoising_loss(made.target.bfloat16(), made, torch.zeros(4, 1, 8, 8))
    assert {made.sample.dtype, made.target.dtype, made.weight.dtype, loss.dtype} == {torch.float32}
    assert torch.equal(made.sample, objective.noised(clean, noise, levels_of(objective)).sample)


@pytest.mark.parametrize(("kind", "of_snr"), [(Epsilon, lambda snr: snr), (Velocity, lambda snr: snr + 1)])
def test_min_snr_weights(kind, of_snr):
    clean, noise = samples()
    snr = compute_snr(SCHEDULER, LEVELS)
    weight = kind(ALPHAS, min_snr=5.0).noised(clean, noise, LEVELS).weight
    torch.testing.assert_close(weight, snr.clamp(max=5) / of_snr(snr))
    assert kind(ALPHAS).noised(clean, noise, LEVELS).weight.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_draws_belong_to_their_sample(name):
    objective = OBJECTIVES[name]
    together = objective.draw([torch.Generator().manual_seed(seed) for seed in (3, 4, 5)])
    alone = objective.draw([torch.Generator().manual_seed(4)])
    assert together[1] == alone[0]
    assert len(set(together.tolist())) == 3


def test_shift_means_more_noise():
    seeds = range(200)
    plain, shifted = (Flow(shift).draw([torch.Generator().manual_seed(seed) for seed in seeds]) for shift in (1.0, 3.0))
    torch.testing.assert_close(shifted, 3 * plain / (1 + 2 * plain))
    assert (shifted > plain).all()


def test_hole_weight_keeps_the_mean_weight_at_1():
    clean, noise = samples()
    made, mask = Epsilon(ALPHAS).noised(clean, noise, LEVELS), torch.zeros(4, 1, 8, 8)
    mask[..., :2] = 1
    error = mask.expand_as(clean) * 0.5 + 0.5  # 1 in the hole, 0.5 outside
    hole, known = 16 / (16 + 3 * 1) * 1.0, 3 * 1 / (16 + 3 * 1) * 0.25  # a quarter is hole, which weighs 16 / 3 of that
    loss = denoising_loss(made.target + error, made, mask, hole_weight=16.0)
    assert loss.item() == pytest.approx(hole + known)
    assert denoising_loss(made.target + 0.5, made, mask, hole_weight=16.0).item() == pytest.approx(0.25)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_perfect_output_has_no_loss(name):
    made = OBJECTIVES[name].noised(*samples(), levels_of(OBJECTIVES[name]))
    assert denoising_loss(made.target, made, torch.ones(4, 1, 8, 8)) == 0


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: Epsilon(DDPMScheduler(rescale_betas_zero_snr=True).alphas_cumprod), "v_prediction"),
        (lambda: Velocity(ALPHAS, min_snr=0.0), "min_snr"),
        (lambda: Flow(shift=-1.0), "shift"),
    ],
)
def test_settings_that_cannot_work_are_refused(make, setting):
    with pytest.raises(InlayError, match=setting):
        make()
