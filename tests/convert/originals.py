"""The published networks as formulas over their own state dicts, in float64; nothing of Inlay takes part."""

import torch
import torch.nn.functional as F

MEAN = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64).view(3, 1, 1)


def wide(state):
    return {key: value.double() if value.is_floating_point() else value for key, value in state.items()}


def naoto0804(state, image, hole):
    """Masks with a channel for every feature; each layer divides by what its convolution of ones counts, no more."""
    state = wide(state)
    m = (1 - hole.double()).expand(-1, 3, -1, -1)
    x = (image.double() - MEAN) / STD * m
    seen = [(x, m)]
    for i in range(1, 8):
        seen.append(partial(state, f"enc_{i}", *seen[-1], stride=2, activation=F.relu))
    x, m = seen.pop()
    for i in reversed(range(1, 8)):
        x, m = (torch.cat([F.interpolate(a, scale_factor=2), b], 1) for a, b in zip((x, m), seen.pop(), strict=True))
        x, m = partial(state, f"dec_{i}", x, m, 1, (lambda y: F.leaky_relu(y, 0.2)) if i > 1 else (lambda y: y))
    return x * STD + MEAN


def partial(state, name, x, m, stride, activation):
    weight, ones = state[f"{name}.conv.input_conv.weight"], state[f"{name}.conv.mask_conv.weight"]
    bias = state.get(f"{name}.conv.input_conv.bias", torch.zeros(len(weight), dtype=torch.float64)).view(-1, 1, 1)
    half = weight.shape[-1] // 2
    count = F.conv2d(m, ones, stride=stride, padding=half)
    y = F.conv2d(x * m, weight, stride=stride, padding=half) / count.clamp(min=1) + bias
    y = y.masked_fill(count == 0, 0)
    if f"{name}.bn.weight" in state:
        keys = ("running_mean", "running_var", "weight", "bias")
        mean, var, gain, shift = (state[f"{name}.bn.{key}"].view(-1, 1, 1) for key in keys)
        y = (y - mean) / (var + 1e-5).sqrt() * gain + shift
    return activation(y), (count > 0).double()


def tdanet(e, g, image, hole, words, sentence, draw=None, merge_slope=0.01):
    """The inpainting path, with ``words`` ``(B, D, T)`` and ``draw`` for the latent, None for its mean.

    The block that merges short and long attention is built without naming an activation and so has the default slope
    of LeakyReLU; everything else has 0.1.
    """
    e, g = wide(e), wide(g)
    visible = 1 - hole
    image, words, sentence = ((2 * image - 1) * visible).double(), words.double(), sentence.double()
    features = [first(e, "block0", image)]
    for i in range(4):
        features.append(F.avg_pool2d(residual(e, f"encoder{i}", features[-1]), 2))
    low, high = features[2], features[-1]

    cells = scaled(visible, high)
    query = F.conv2d(high, e["word_attention.conv_image.weight"]).flatten(2)  # (B, D, N)
    attention = torch.einsum("bdn,bdt->bnt", query, words).neg().softmax(2)
    context = torch.einsum("bnt,bdt->bdn", attention, words).view_as(high[:, :1].expand(-1, words.shape[1], -1, -1))
    context = torch.where(cells == 1, context, 0.0).amax((2, 3), keepdim=True).expand_as(context)

    for i in range(6):
        high = residual(e, f"infer_prior{i}", high)
    h = torch.cat([high, sentence[..., None, None].expand(-1, -1, *high.shape[2:]), context], 1)
    mean, raw = residual(e, "prior", h).chunk(2, 1)
    z = mean if draw is None else mean + draw.double() * F.softplus(raw)
    x = residual(g, "f_transformer", h) + residual(g, "generator", z)

    for i in range(5):
        x = up(g, f"decoder{i}", x)
        if i == 1:
            x = short_long(g, x, low, scaled(visible, x).double(), merge_slope)
        if i > 0:
            y = F.pad(lrelu(x), (1, 1, 1, 1), mode="reflect")
            x = torch.cat([x, picture := torch.tanh(F.conv2d(y, *normalized(g, f"out{i}.conv1")))], 1)
    return (picture + 1) / 2


def scaled(mask, like):
    return F.interpolate(mask, like.shape[2:], mode="bilinear", align_corners=True)


def lrelu(x, slope=0.1):
    return F.leaky_relu(x, slope)


def normalized(state, name):
    """Weight and bias: one power iteration from the stored left vector, then divided by sigma."""
    weight, u = state[f"{name}.module.weight_bar"], state[f"{name}.module.weight_u"]
    matrix = weight.reshape(len(weight), -1)
    v = matrix.T @ u
    v = v / v.norm()
    u = matrix @ v
    u = u / u.norm()
    return weight / (u @ matrix @ v), state[f"{name}.module.bias"]


def first(state, name, x):
    y = F.conv2d(x, *normalized(state, f"{name}.model.0"), padding=1)
    y = F.avg_pool2d(F.conv2d(lrelu(y), *normalized(state, f"{name}.model.2"), padding=1), 2)
    return y + F.conv2d(F.avg_pool2d(x, 2), *normalized(state, f"{name}.shortcut.1"))


def residual(state, name, x, slope=0.1):
    y = F.conv2d(lrelu(x, slope), *normalized(state, f"{name}.model.1"), padding=1)
    y = F.conv2d(lrelu(y, slope), *normalized(state, f"{name}.model.3"), padding=1)
    return y + F.conv2d(x, *normalized(state, f"{name}.shortcut.0"))


def up(state, name, x):
    y = lrelu(instance_norm(x, state, f"{name}.model.0"))
    y = F.conv2d(y, *normalized(state, f"{name}.model.2"), padding=1)
    y = lrelu(instance_norm(y, state, f"{name}.model.3"))
    twice = {"stride": 2, "padding": 1, "output_padding": 1}
    y = F.conv_transpose2d(y, *normalized(state, f"{name}.model.5"), **twice)
    return y + F.conv_transpose2d(x, *normalized(state, f"{name}.shortcut.0"), **twice)


def instance_norm(x, state, name):
    var, mean = torch.var_mean(x, (2, 3), keepdim=True, correction=0)
    gain, shift = (state[f"{name}.{key}"].view(-1, 1, 1) for key in ("weight", "bias"))
    return (x - mean) / (var + 1e-5).sqrt() * gain + shift


def short_long(state, x, low, visible, merge_slope):
    query = F.conv2d(x, state["attn1.query_conv.weight"], state["attn1.query_conv.bias"]).flatten(2)
    attention = torch.einsum("bcn,bcm->bnm", query, query).softmax(2)
    short, long = (torch.einsum("bnm,bcm->bcn", attention, y.flatten(2)).view_as(y) for y in (x, low))
    short = state["attn1.gamma"] * short + x
    long = state["attn1.alpha"] * (1 - visible) * long + visible * low
    return residual(state, "attn1.model", torch.cat([short, long], 1), merge_slope)
