"""A trained model that is exact on integers: its own chains for thresholds, and emulated requantizes."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quantize.layers import MaxPool
from quantize.layers.pool import bordered
from quantize.lowering import Item, lower
from quantize.model import Model
from quantize.nodes.window import Window


class Exact(nn.Module):
    """Maps uint8 pictures (n, h, w, c) to float64 logits (n, classes) with the values of the hardware's integers.

    Thresholds compare the model's chain, in its own precision, with delta. No threshold is found by bisection and no
    weight is negated here, so a comparison with the exported network checks both of these steps.
    """

    def __init__(self, items: tuple[Item, ...]) -> None:
        super().__init__()
        self.items = items
        self.types = {"input": "int"}
        for item in items:
            levels = item.attrs.get("levels")
            keeps = item.kind in ("max_pool", "flatten")
            self.types[item.name] = levels or (self.types[item.inputs[0]] if keeps else "int")

    def forward(self, pictures: Tensor) -> Tensor:
        tensors = {"input": pictures.double() - 128}  # (n, h, w, c) throughout
        for item in self.items:
            inputs = [tensors[name] for name in item.inputs]
            tensors[item.name] = getattr(self, f"_{item.kind}")(item, *inputs)
        return tensors[self.items[-1].name].flatten(1)

    def _conv(self, item: Item, x: Tensor) -> Tensor:
        window, pad = Window.of(item), 1.0 if self.types[item.inputs[0]] == "binary" else 0.0
        x = bordered(x.permute(0, 3, 1, 2), window, pad).permute(0, 2, 3, 1)
        matrix = _real(item.arrays["weights"]).flatten(1)  # (m, ky * kx * c)
        number = _float_for(matrix, x)
        (down, across), (below, beside) = window.extent, window.dilation
        windows = x.to(number).unfold(1, down, window.stride[0]).unfold(2, across, window.stride[1])
        windows = windows[..., ::below, ::beside].permute(0, 1, 2, 4, 5, 3)  # (n, h_out, w_out, ky, kx, c)
        right = matrix.T.to(number)
        return torch.stack([picture.flatten(2) @ right for picture in windows]).double()  # copies stay in the cache

    def _dense(self, item: Item, x: Tensor) -> Tensor:
        y = x @ _real(item.arrays["weights"]).T
        return y + _real(item.arrays["bias"]) if "bias" in item.arrays else y

    def _threshold(self, item: Item, x: Tensor) -> Tensor:
        value = torch.from_numpy(item.chain(x.numpy()))
        if item.attrs["levels"] == "binary":
            return (value >= 0).double() * 2 - 1
        return (value >= item.delta).double() - (value <= -item.delta).double()

    def _requantize(self, item: Item, x: Tensor) -> Tensor:
        value = (x * _real(item.arrays["mult"]) + _real(item.arrays["bias"])) * 2.0 ** -item.attrs["shift"]
        return torch.floor(value).clip(item.attrs["lo"], item.attrs["hi"])

    def _add(self, item: Item, a: Tensor, b: Tensor) -> Tensor:
        most = 2.0 ** (item.attrs["width"] - 1)
        return (a + b).clip(-most, most - 1)

    def _max_pool(self, item: Item, x: Tensor) -> Tensor:
        pool: Tensor = MaxPool(Window.of(item))(x.permute(0, 3, 1, 2))
        return pool.permute(0, 2, 3, 1)

    def _avg_pool(self, item: Item, x: Tensor) -> Tensor:
        window = Window.of(item)
        x = bordered(x.permute(0, 3, 1, 2), window, 0.0)
        total = F.avg_pool2d(x, window.kernel, window.stride, divisor_override=1).permute(0, 2, 3, 1)
        return torch.floor(total * 2.0 ** -item.attrs["shift"])

    def _pad_channels(self, item: Item, x: Tensor) -> Tensor:
        return F.pad(x, (item.attrs["before"], item.attrs["after"]))

    def _flatten(self, item: Item, x: Tensor) -> Tensor:
        return x.reshape(len(x), 1, 1, -1)


def _real(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array.astype(np.float64))


def _float_for(matrix: Tensor, x: Tensor) -> torch.dtype:
    """Return the float type in which every dot product of a row of the matrix with elements of ``x`` is exact.

    All partial sums are integers of at most ``sum |w| * max |x|``. Below 2^24 they are exact in float32.
    """
    bound = matrix.abs().sum(1).max() * x.abs().max()
    return torch.float32 if bound < 1 << 24 else torch.float64


def exact(model: Model) -> Exact:
    """Return the integer-exact form of a trained model.

    Raises
    ------
    ExportError
        As from `quantize.lowering.lower`.
    """
    return Exact(lower(model)).eval()
