import pytest
import torch
from torch import nn

from inlay.export.rnn import Loop, looped


@pytest.mark.slow
@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
@pytest.mark.parametrize("shape", [(2, 5, 3), (1, 1, 3)])
def test_answers_as_the_layer(kind, shape):
    layer = kind(3, 4, batch_first=True)
    x = torch.randn(shape)
    with torch.no_grad():
        torch.testing.assert_close(Loop(layer)(x)[0], layer(x)[0])


def test_layers_come_back_and_lend_their_weights():
    module = nn.ModuleDict({"deep": nn.Sequential(nn.GRU(3, 4, batch_first=True)), "last": nn.LSTM(3, 4)})
    deep, last = module["deep"][0], module["last"]
    with looped(module):
        assert isinstance(module["deep"][0], Loop)
        assert isinstance(module["last"], Loop)
        assert module["last"].cell.weight_hh.data_ptr() == last.weight_hh_l0.data_ptr()
    assert (module["deep"][0], module["last"]) == (deep, last)
    assert all(weight.requires_grad for weight in module.parameters())
