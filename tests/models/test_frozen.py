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
def parent():
    return nn.ModuleDict({"net": nn.Linear(2, 2), "ruler": Ruler()})


def test_is_used_and_never_trained(parent):
    ruler, x = parent["ruler"], torch.rand(3, 2, requires_grad=True)
    assert parent.train()["net"].training
    assert ruler.train() is ruler
    assert not any(module.training for module in ruler.modules())
    assert not any(p.requires_grad for p in ruler.parameters())
    ruler.inner(x).sum().backward()
    assert x.grad is not None


def test_parents_and_copies_load_strictly_and_keep_it_as_it_is(parent):
    assert parent["ruler"].state_dict() == {}
    assert set(parent.state_dict()) == {"net.weight", "net.bias"}
    other = nn.ModuleDict({"net": nn.Linear(2, 2), "ruler": Ruler()})
    for twin in (other, copy.deepcopy(parent)):
        before = twin["ruler"].inner[0].weight.clone()
        twin.load_state_dict(parent.state_dict(), strict=True)
        assert torch.equal(twin["net"].weight, parent["net"].weight)
        assert torch.equal(twin["ruler"].inner[0].weight, before)
    foreign = parent.state_dict() | {"ruler.inner.0.weight": torch.full((2, 2), 9.0)}
    parent.load_state_dict(foreign)
    assert not (parent["ruler"].inner[0].weight == 9).any()
    with pytest.raises(RuntimeError, match=r"Missing key\(s\) in state_dict: \"net\.bias\""):
        parent.load_state_dict({"net.weight": torch.zeros(2, 2)})


def test_moves_with_its_parent(parent):
    ruler = parent.double()["ruler"]
    assert {tensor.dtype for tensor in (*ruler.parameters(), ruler.scale)} == {torch.float64}
