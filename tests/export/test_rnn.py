from torch import nn

from inlay.export.rnn import Loop, looped


def test_layers_come_back_and_lend_their_weights():
    module = nn.ModuleDict({"deep": nn.Sequential(nn.GRU(3, 4, batch_first=True)), "last": nn.LSTM(3, 4)})
    deep, last = module["deep"][0], module["last"]
    with looped(module):
        assert isinstance(module["deep"][0], Loop)
        assert isinstance(module["last"], Loop)
        assert module["last"].cell.weight_hh.data_ptr() == last.weight_hh_l0.data_ptr()
    assert (module["deep"][0], module["last"]) == (deep, last)
    assert all(weight.requires_grad for weight in module.parameters())
