"""Makes a file with torch, for an interpreter that has it: `python -m benchmarks.front_ends.in_torch`.

Its arguments are KIND DATA.npz MODEL.onnx RESULT.npz. KIND is `onnxruntime`, `brevitas` or `dynamo`. DATA.npz holds
pictures (n, h, w, c) of bytes as `train` and `test`, and the `labels` of the first. The networks read a picture
(1, c, h, w) of values 0 to 1. RESULT.npz gets the `logits` of the test pictures in ONNX Runtime, and as `trained` those
of torch. Of this repository it imports `runtime` alone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.front_ends.runtime import logits, quantised


def real() -> nn.Module:
    """A network of real numbers, which ONNX Runtime quantises."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(24, 32, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(32, 10))


def brevitas() -> nn.Module:
    """Brevitas's own quantisers: the input of 8 bits, weights of 4 and 8, activations of 2, 4 and 8."""
    import brevitas.nn as qnn

    return nn.Sequential(
        qnn.QuantIdentity(bit_width=8, return_quant_tensor=True),
        qnn.QuantConv2d(1, 16, 3, padding=1, weight_bit_width=8, bias=False), nn.BatchNorm2d(16),
        qnn.QuantIdentity(bit_width=2, narrow_range=True, return_quant_tensor=True),
        qnn.QuantConv2d(16, 24, 3, padding=1, weight_bit_width=4, bias=False), nn.BatchNorm2d(24),
        qnn.QuantReLU(bit_width=4, return_quant_tensor=True), nn.MaxPool2d(2),
        qnn.QuantConv2d(24, 32, 3, weight_bit_width=4, bias=False), nn.BatchNorm2d(32),
        qnn.QuantReLU(bit_width=8, return_quant_tensor=True), nn.Flatten(),
        qnn.QuantLinear(128, 10, bias=True, weight_bit_width=8))


class Sign(torch.autograd.Function):
    """The sign in the forward direction. The gradient passes where the value is within -1 and 1."""

    @staticmethod
    def forward(context: Any, x: torch.Tensor) -> torch.Tensor:
        context.save_for_backward(x)
        return torch.sign(x)

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> torch.Tensor:
        (x,) = context.saved_tensors
        return gradient * (x.abs() <= 1)


class Binary(nn.Module):
    """1 where a value is at least 0, else -1."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made = torch.where(x >= 0, 1.0, -1.0)
        return made if not self.training else x.clamp(-1, 1) + (made - x.clamp(-1, 1)).detach()


class Signs(nn.Module):
    """A module of signs."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return Sign.apply(x) if self.training else torch.sign(x)


class BinaryConv(nn.Conv2d):
    """A convolution of the signs of its weights."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = Sign.apply(self.weight) if self.training else torch.sign(self.weight)
        return nn.functional.conv2d(x, weight, None, self.stride, self.padding)


def signs() -> nn.Module:
    """Binary weights that the graph computes, and ternary and binary activations."""
    return nn.Sequential(
        BinaryConv(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), Signs(),
        BinaryConv(16, 24, 3, padding=1, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(24), Binary(),
        BinaryConv(24, 32, 3, bias=False), nn.BatchNorm2d(32), Binary(),
        BinaryConv(32, 10, 2, bias=False), nn.BatchNorm2d(10), nn.Flatten())


def train(model: nn.Module, pictures: torch.Tensor, labels: torch.Tensor, epochs: int) -> None:
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for batch in torch.randperm(len(pictures)).split(64):
            loss = nn.functional.cross_entropy(model(pictures[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    model.eval()


def export(kind: str, model: nn.Module, example: torch.Tensor, file: str) -> None:
    """Write the file. A `dynamo` one is as torch has traced it, with a batch of any size."""
    if kind == "brevitas":
        from brevitas.export import export_onnx_qcdq

        export_onnx_qcdq(model, args=example, export_path=file)
    elif kind == "dynamo":
        batch = {0: torch.export.Dim("batch")}
        torch.onnx.export(model, (example.repeat(2, 1, 1, 1),), file, dynamo=True, optimize=False,
                          dynamic_shapes=(batch,))
    else:
        torch.onnx.export(model, (example,), file, dynamo=True, input_names=["input"])


def main(kind: str, data: str, file: str, result: str) -> None:
    with np.load(data) as arrays:
        pictures, test = (arrays[key].transpose(0, 3, 1, 2) / np.float32(255) for key in ("train", "test"))
        labels = torch.from_numpy(arrays["labels"]).long()
    torch.manual_seed(0)
    model = {"onnxruntime": real, "brevitas": brevitas, "dynamo": signs}[kind]()
    train(model, torch.from_numpy(pictures), labels, 12)
    export(kind, model, torch.from_numpy(test[:1]), file)
    if kind == "onnxruntime":
        quantised(Path(file), pictures[:200])
    with torch.no_grad():
        trained = model(torch.from_numpy(test)).numpy()
    np.savez(result, logits=logits(file, test), trained=trained)


if __name__ == "__main__":
    main(*sys.argv[1:])
