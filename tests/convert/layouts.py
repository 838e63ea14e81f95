"""What the published files hold, name by name, filled with random numbers; ``scale`` divides their widths."""

import torch
import torch.nn.functional as F

GENERATOR = torch.Generator()


def draw(*shape):
    return torch.randn(shape, generator=GENERATOR)


def scenes(height, width):
    """Pictures and irregular holes: a blot, none, all, and one that misses most cells."""
    blots = F.interpolate(torch.rand(1, 1, 9, 9), (height, width), mode="bicubic") > 0.55
    thin = torch.zeros(1, 1, height, width, dtype=torch.bool)
    thin[..., height // 2, width // 5 : -width // 6] = True
    hole = torch.cat([blots, torch.zeros_like(blots), torch.ones_like(blots), thin]).float()
    return torch.rand(4, 3, height, width), hole


def naoto0804(scale=16):
    """The file's state dict: 7 levels of width 64, a mask convolution beside every convolution."""
    GENERATOR.manual_seed(0)
    widths = [3, *(64 * min(2**level, 8) // scale for level in range(7))]
    state = {}
    for i, kernel in enumerate([7, 5, 5, 3, 3, 3, 3]):
        state |= partial(f"enc_{i + 1}", widths[i], widths[i + 1], kernel, norm=i > 0)
    for i in reversed(range(7)):
        state |= partial(f"dec_{i + 1}", widths[i] + widths[i + 1], widths[i], 3, norm=i > 0)
    return state


def partial(name, inputs, outputs, kernel, norm):
    window = inputs * kernel**2
    shape = outputs, inputs, kernel, kernel
    state = {
        f"{name}.conv.input_conv.weight": draw(*shape) * (2 / window) ** 0.5 * window,
        f"{name}.conv.mask_conv.weight": torch.ones(shape),
    }
    if norm:
        state |= {
            f"{name}.bn.weight": 1 + draw(outputs) / 5,
            f"{name}.bn.bias": draw(outputs) / 5,
            f"{name}.bn.running_mean": draw(outputs) / 5,
            f"{name}.bn.running_var": 4 + draw(outputs).abs(),
            f"{name}.bn.num_batches_tracked": torch.tensor(70_000),
        }
    elif name == "dec_1":
        state[f"{name}.conv.input_conv.bias"] = draw(outputs)
    return state


def tdanet(scale=16):
    """The state dicts of ``net_E`` and ``net_G``."""
    GENERATOR.manual_seed(0)
    w32, w64, w128, w256, w512 = (width // scale for width in (32, 64, 128, 256, 512))
    e = residual("block0", 3, w32, w32, first=True)
    e |= {"word_attention.conv_image.weight": draw(w256, w256, 1, 1) / w256**0.5}
    for i, (inputs, hidden, outputs) in enumerate([(w32, w32, w128), (w128, w128, w256), *[(w256, w256, w256)] * 2]):
        e |= residual(f"encoder{i}", inputs, hidden, outputs)
    for i in range(6):
        e |= residual(f"infer_prior{i}", w256, w256, w256)
    for name in ("posterior", "prior"):
        e |= residual(name, 3 * w256, w512, w512)
    g = residual("generator", w256, w256, w256) | residual("f_transformer", 3 * w256, w256, w256)
    widths = [(w256, w256), (w256, w256), (w256 + 3, w128), (w128 + 3, w64), (w64 + 3, w32)]
    for i, (inputs, outputs) in enumerate(widths):
        g |= up(f"decoder{i}", inputs, outputs)
        if i:
            g |= spectral([f"out{i}.conv1", f"out{i}.model.2"], 3, outputs, 3)
        if i == 1:
            g |= {"attn1.gamma": torch.tensor([0.6]), "attn1.alpha": torch.tensor([0.8])}
            g |= {"attn1.query_conv.weight": draw(w64, w256, 1, 1) / w256**0.5, "attn1.query_conv.bias": draw(w64) / 5}
            g |= residual("attn1.model", 2 * w256, w256, w256)
    return e, g


def residual(name, inputs, hidden, outputs, first=False):
    places = ("model.0", "model.2", "shortcut.1") if first else ("model.1", "model.3", "shortcut.0")
    return {
        **spectral([f"{name}.conv1", f"{name}.{places[0]}"], hidden, inputs, 3),
        **spectral([f"{name}.conv2", f"{name}.{places[1]}"], outputs, hidden, 3),
        **spectral([f"{name}.bypass", f"{name}.{places[2]}"], outputs, inputs, 1),
    }


def up(name, inputs, outputs):
    state = {
        **spectral([f"{name}.conv1", f"{name}.model.2"], outputs, inputs, 3),
        **spectral([f"{name}.conv2", f"{name}.model.5"], outputs, outputs, 3, bias=outputs),
        **spectral([f"{name}.bypass", f"{name}.shortcut.0"], inputs, outputs, 3, bias=outputs),
    }
    for place, width in ((0, inputs), (3, outputs)):
        state |= {f"{name}.model.{place}.weight": 1 + draw(width) / 5, f"{name}.model.{place}.bias": draw(width) / 5}
    return state


def spectral(names, rows, columns, kernel, bias=None):
    """One normalized convolution under two names; its vectors are not those of a finished iteration."""
    kept = {
        "bias": draw(bias or rows) / 5,
        "weight_u": F.normalize(draw(rows), dim=0),
        "weight_v": F.normalize(draw(columns * kernel**2), dim=0),
        "weight_bar": draw(rows, columns, kernel, kernel),
    }
    return {f"{name}.module.{key}": value for name in names for key, value in kept.items()}


def captions(words, embedding=12, dim=16):
    """The state dict of DAMSM's text encoder, and torch's own network that it is of."""
    torch.manual_seed(0)
    table, rnn = torch.nn.Embedding(words, embedding), torch.nn.LSTM(embedding, dim // 2, bidirectional=True)
    state = {"encoder.weight": table.weight.detach(), **{f"rnn.{k}": v for k, v in rnn.state_dict().items()}}
    return state, table, rnn
