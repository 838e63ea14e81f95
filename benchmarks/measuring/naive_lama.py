"""LaMa-Fourier in the plain form of its description: what the network in ``inlay.models.lama`` is compared with.

Features in NCHW memory, a convolution for each pair of parts, real and imaginary parts copied into and out of their
channels, batch norm apart. Its weights have the names and the order of the published checkpoints.
"""

import torch
from torch import Tensor, nn


class FourierUnit(nn.Module):
    """1x1 convolution, batch norm and ReLU of the spectrum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_layer = nn.Conv2d(2 * channels, 2 * channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(2 * channels)

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(x, norm="ortho")
        stacked = torch.stack([spectrum.real, spectrum.imag], dim=2).flatten(1, 2)
        stacked = torch.relu(self.bn(self.conv_layer(stacked))).unflatten(1, (-1, 2))
        complex_ = torch.complex(stacked[:, :, 0].contiguous(), stacked[:, :, 1].contiguous())
        return torch.fft.irfft2(complex_, s=x.shape[-2:], norm="ortho")


class Spectral(nn.Module):
    """The global path."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv1 = nn.Sequential(nn.Conv2d(channels, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU())
        self.fu = FourierUnit(half)
        self.conv2 = nn.Conv2d(half, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        return self.conv2(x + self.fu(x))


class Convs(nn.Module):
    """A convolution for each pair of local and global parts that there are."""

    def __init__(self, inputs: tuple[int, int], outputs: tuple[int, int], kernel: int, stride: int, pad: int) -> None:
        super().__init__()

        def conv(a: int, b: int) -> nn.Conv2d:
            return nn.Conv2d(a, b, kernel, stride, pad, padding_mode="reflect", bias=False)

        self.convl2l = conv(inputs[0], outputs[0])
        if outputs[1]:
            self.convl2g = conv(inputs[0], outputs[1])
        if inputs[1]:
            self.convg2l = conv(inputs[1], outputs[0])
            self.convg2g = Spectral(inputs[1])

    def forward(self, x: tuple[Tensor, Tensor | None]) -> tuple[Tensor, Tensor | None]:
        local, glob = self.convl2l(x[0]), self.convl2g(x[0]) if hasattr(self, "convl2g") else None
        if x[1] is None:
            return local, glob
        assert glob is not None
        return local + self.convg2l(x[1]), glob + self.convg2g(x[1])


class FFC(nn.Module):
    """Convolutions, batch norm and ReLU of both parts."""

    def __init__(
        self, inputs: tuple[int, int], outputs: tuple[int, int], kernel: int = 3, stride: int = 1, pad: int = 1
    ) -> None:
        super().__init__()
        self.ffc = Convs(inputs, outputs, kernel, stride, pad)
        self.bn_l = nn.BatchNorm2d(outputs[0])
        if outputs[1]:
            self.bn_g = nn.BatchNorm2d(outputs[1])

    def forward(self, x: tuple[Tensor, Tensor | None]) -> tuple[Tensor, Tensor | None]:
        local, glob = self.ffc(x)
        return torch.relu(self.bn_l(local)), None if glob is None else torch.relu(self.bn_g(glob))


class Block(nn.Module):
    """Two of them and a shortcut."""

    def __init__(self, parts: tuple[int, int]) -> None:
        super().__init__()
        self.conv1, self.conv2 = FFC(parts, parts), FFC(parts, parts)

    def forward(self, x: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        local, glob = self.conv2(self.conv1(x))
        return local + x[0], glob + x[1]


class Start(nn.Module):
    """A picture as its local part."""

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        return x, None


class Join(nn.Module):
    """Local channels, then global ones."""

    def forward(self, x: tuple[Tensor, Tensor]) -> Tensor:
        return torch.cat(x, dim=1)


class NaiveLaMa(nn.Module):
    """LaMa-Fourier with three halvings.

    Args:
        width: channels after the first convolution.
        blocks: residual blocks.
        ratio: share of the channels that are global.
    """

    def __init__(self, width: int = 64, blocks: int = 9, ratio: float = 0.75) -> None:
        super().__init__()
        widest = 8 * width
        parts = (widest - int(ratio * widest), int(ratio * widest))
        layers: list[nn.Module] = [Start(), FFC((4, 0), (width, 0), 7, pad=3)]
        layers += [FFC((width, 0), (2 * width, 0), stride=2), FFC((2 * width, 0), (4 * width, 0), stride=2)]
        layers += [FFC((4 * width, 0), parts, stride=2), *(Block(parts) for _ in range(blocks)), Join()]
        for channels in (widest, widest // 2, widest // 4):
            layers.append(nn.ConvTranspose2d(channels, channels // 2, 3, 2, padding=1, output_padding=1))
            layers += [nn.BatchNorm2d(channels // 2), nn.ReLU()]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Sigmoid()]
        self.model = nn.Sequential(*layers)

    def forward(self, masked: Tensor, mask: Tensor) -> Tensor:
        return self.model(torch.cat([masked, mask], dim=1))
