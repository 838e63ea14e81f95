"""Every schedule, for runs of every length."""

import pytest
import torch
from hydra.utils import instantiate

from inlay.schedules import OneCycle
from tests.conftest import ROOT
from tests.training import configure

LENGTHS = [*range(1, 40), 100, 110, 1000]


def rates(make, length):
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=2e-4)
    schedule = make(optimizer)
    found = []
    for _ in range(length):
        found.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.stranger("B.18")
@pytest.mark.parametrize("name", [path.stem for path in (ROOT / "conf/scheduler").glob("*.yaml")])
def test_trains_for_any_number_of_iterations(name):
    cfg = configure("experiment=demo", f"scheduler={name}", "optimizer.lr=2e-4")
    for length in LENGTHS:
        cfg.iterations = length
        found = rates(instantiate(cfg.scheduler), length)
        assert all(0 <= rate <= 2e-4 * (1 + 1e-9) for rate in found)
        assert max(found) >= 0.9e-4, length


def test_one_cycle_is_pytorchs_where_that_warms_up():
    def theirs(optimizer):
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=40, pct_start=0.1)

    assert rates(lambda optimizer: OneCycle(optimizer, 1e-3, 40), 40) == rates(theirs, 40)
