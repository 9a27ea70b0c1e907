"""Trains a ternary-binary network on the 8x8 digits in Brevitas and writes it as QONNX; see qonnx.md.

python docs/brevitas_digits.py digits.onnx
"""

import argparse

import brevitas.nn as qnn
import torch
from brevitas.core.bit_width import BitWidthImplType
from brevitas.core.quant import QuantType
from brevitas.core.restrict_val import FloatToIntImplType, RestrictValueType
from brevitas.core.scaling import ScalingImplType
from brevitas.core.zero_point import ZeroZeroPoint
from brevitas.export import export_qonnx
from brevitas.inject import ExtendedInjector
from brevitas.quant.solver import ActQuantSolver, WeightQuantSolver
from torch import nn

from quantize.data import load_dataset


class Fixed(ExtendedInjector):
    """A quantiser of one constant scale for the whole tensor, zero point 0."""

    bit_width_impl_type = BitWidthImplType.CONST
    scaling_impl_type = ScalingImplType.CONST
    restrict_scaling_type = RestrictValueType.FP
    float_to_int_impl_type = FloatToIntImplType.ROUND
    zero_point_impl = ZeroZeroPoint
    scaling_per_output_channel = False
    narrow_range = True
    signed = True


class Binary(Fixed, WeightQuantSolver):
    """Weights -1 and +1."""

    quant_type = QuantType.BINARY
    bit_width = 1
    scaling_const = 1.0


class Ternary(Fixed, ActQuantSolver):
    """Activations -1, 0 and +1: two bits, signed and narrow."""

    quant_type = QuantType.INT
    bit_width = 2
    min_val = -1.0
    max_val = 1.0


def network() -> nn.Module:
    return nn.Sequential(
        qnn.QuantConv2d(1, 16, 3, padding=1, bias=False, weight_quant=Binary),
        nn.BatchNorm2d(16),
        qnn.QuantIdentity(act_quant=Ternary),
        qnn.QuantConv2d(16, 32, 3, padding=1, bias=False, weight_quant=Binary),
        nn.BatchNorm2d(32),
        qnn.QuantIdentity(act_quant=Ternary),
        nn.MaxPool2d(2),
        nn.Flatten(),
        qnn.QuantLinear(32 * 4 * 4, 10, bias=False, weight_quant=Binary),
    )


def train(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, epochs: int) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(64):
            loss = nn.functional.cross_entropy(model(images[batch]) / 32, labels[batch])  # sums, so soften them
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()


def pictures(images: object) -> torch.Tensor:
    """(n, h, w, c) bytes as (n, c, h, w) in 0..1, which is what the import takes for granted."""
    return torch.as_tensor(images).permute(0, 3, 1, 2).float() / 255


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output")
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    torch.manual_seed(0)
    data, model = load_dataset("digits"), network()
    train(model, pictures(data.train_images), torch.as_tensor(data.train_labels), options.epochs)
    model.eval()
    with torch.no_grad():
        right = model(pictures(data.test_images)).argmax(1).numpy() == data.test_labels
    print(f"Brevitas names {right.sum()} of {len(right)} test digits rightly")
    export_qonnx(model, torch.zeros(1, 1, 8, 8), export_path=options.output)


if __name__ == "__main__":
    main()
