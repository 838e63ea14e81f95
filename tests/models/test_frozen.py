import copy

import pytest
import torch
from torch import nn

from inlay.models.frozen import Frozen


class Ruler(Frozen):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        self.register_buffer("scale", torch.ones(2))
        self.freeze()


@pytest.fixture
def ruler():
    return Ruler()


@pytest.fixture
def parent(ruler):
    return nn.ModuleDict({"net": nn.Linear(2, 2), "ruler": ruler})


def test_no_parameter_is_trained(ruler):
    assert not any(p.requires_grad for p in ruler.parameters())


def test_stays_in_eval_mode_whatever_the_parent_does(parent):
    parent.train()
    assert parent["net"].training
    assert not any(module.training for module in parent["ruler"].modules())


def test_train_returns_the_module(ruler):
    assert ruler.train() is ruler


def test_gradient_passes_through_to_the_input(ruler):
    x = torch.rand(3, 2, requires_grad=True)
    ruler.inner(x).sum().backward()
    assert x.grad is not None


def test_adds_nothing_to_a_state_dict(parent):
    assert set(parent.state_dict()) == {"net.weight", "net.bias"}


def test_has_no_state_dict_of_its_own(ruler):
    assert ruler.state_dict() == {}


def test_parent_loads_strictly_and_keeps_it_as_it_is(parent):
    other = nn.ModuleDict({"net": nn.Linear(2, 2), "ruler": Ruler()})
    before = other["ruler"].inner[0].weight.clone()
    other.load_state_dict(parent.state_dict(), strict=True)
    assert torch.equal(other["net"].weight, parent["net"].weight)
    assert torch.equal(other["ruler"].inner[0].weight, before)


def test_weights_in_a_foreign_checkpoint_do_not_get_in(parent):
    before = parent["ruler"].inner[0].weight.clone()
    foreign = parent.state_dict() | {"ruler.inner.0.weight": torch.full((2, 2), 9.0)}
    parent.load_state_dict(foreign)
    assert torch.equal(parent["ruler"].inner[0].weight, before)


def test_strict_loading_still_misses_what_a_parent_needs(parent):
    with pytest.raises(RuntimeError, match=r"Missing key\(s\) in state_dict: \"net\.bias\""):
        parent.load_state_dict({"net.weight": torch.zeros(2, 2)})


def test_loading_leaves_the_given_dict_alone(parent):
    given = parent.state_dict()
    parent.load_state_dict(given)
    assert set(given) == {"net.weight", "net.bias"}


def test_moves_with_its_parent(parent):
    parent.double()
    assert {t.dtype for t in parent["ruler"].inner[0].parameters()} == {torch.float64}
    assert parent["ruler"].scale.dtype == torch.float64


def test_copy_loads_strictly_too(parent):
    twin = copy.deepcopy(parent)
    twin.load_state_dict(parent.state_dict(), strict=True)
    assert torch.equal(twin["ruler"].inner[0].weight, parent["ruler"].inner[0].weight)
