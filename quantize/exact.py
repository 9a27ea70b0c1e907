"""A trained model that is exact on integers: its own chains for thresholds, and emulated requantizes."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quantize.lowering import Item, lower
from quantize.model import Model


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
        padding, pad = item.attrs["padding"], 1.0 if self.types[item.inputs[0]] == "binary" else 0.0
        x = F.pad(x, (0, 0, padding, padding, padding, padding), value=pad)
        weights, stride = _real(item.arrays["weights"]), item.attrs["stride"]  # (m, kernel, kernel, c)
        matrix = weights.flatten(1)
        number = _float_for(matrix, x)
        windows = x.to(number).unfold(1, weights.shape[1], stride).unfold(2, weights.shape[2], stride)
        windows = windows.permute(0, 1, 2, 4, 5, 3)  # (n, h_out, w_out, kernel, kernel, c)
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
        return F.max_pool2d(x.permute(0, 3, 1, 2), item.attrs["kernel"], item.attrs["stride"]).permute(0, 2, 3, 1)

    def _avg_pool(self, item: Item, x: Tensor) -> Tensor:
        kernel, stride = item.attrs["kernel"], item.attrs["stride"]
        total = F.avg_pool2d(x.permute(0, 3, 1, 2), kernel, stride, divisor_override=1).permute(0, 2, 3, 1)
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
