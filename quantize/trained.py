"""Trained real values in a small file: batch norms, deltas and 8-bit layers as they are, binary weights as bits.

It is what the float and the exact evaluation need, and the exporter; training goes on from checkpoints only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import safetensors.numpy
import torch
from torch import Tensor

from quantize.arrays import ArraysError, read_arrays
from quantize.checkpoint import CheckpointError, load_checkpoint, take_weights
from quantize.files import write_atomically
from quantize.layers import Conv, Dense
from quantize.model import Model, build_module, fault
from quantize.spec import Spec

_MODEL = "tbn_hw_trained"


def load_model(spec: Spec, file: Path) -> Model:
    """Return the model of a checkpoint, or of a file of `save_trained`, ready to evaluate.

    Raises
    ------
    CheckpointError
        If the file is damaged or of another model, or a value in it is not usable, such as a negative variance.
    """
    model = build_module(spec)
    weights = _read(model, file) if file.suffix == ".safetensors" else load_checkpoint(file).weights
    take_weights(model, weights, f"{file}: its weights are not those of {spec.name}")
    wrong = fault(model)
    if wrong is not None:
        raise CheckpointError(f"{file}: {wrong}")
    return model.eval()


def save_trained(model: Model, file: Path) -> None:
    """Write a model's values; a binary weight keeps its sign and its channel's mean magnitude."""
    binary, arrays = _binary(model), {}
    for name, value in model.state_dict().items():
        array = value.detach().cpu().numpy()
        if name in binary:
            arrays[f"{name}.bits"] = np.packbits((array < 0).ravel(), bitorder="little")
            array = binary[name].integers()[1].detach().cpu().numpy()
        arrays[name] = np.ascontiguousarray(array)
    write_atomically(file, safetensors.numpy.save(arrays, metadata={_MODEL: model.spec.name}))


def _binary(model: Model) -> dict[str, Conv | Dense]:
    return {
        f"{name}.weight": module for name, module in model.named_modules()
        if isinstance(module, Conv | Dense) and module.weights == "binary"
    }


def _read(model: Model, file: Path) -> dict[str, Tensor]:
    try:
        metadata, arrays = read_arrays(file)
    except ArraysError as error:
        raise CheckpointError(f"{file}: {error}") from None
    if metadata.get(_MODEL) != model.spec.name:
        raise CheckpointError(f"{file}: holds no trained values of {model.spec.name}")
    try:
        for name, module in _binary(model).items():
            arrays[name] = _signed(arrays.pop(f"{name}.bits"), arrays[name], module)
        return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    except (KeyError, TypeError, ValueError):  # missing, of a type that torch has not, or of another shape
        raise CheckpointError(f"{file}: its weights are not those of {model.spec.name}") from None


def _signed(bits: np.ndarray, magnitude: np.ndarray, module: Conv | Dense) -> np.ndarray:
    """Binary weights from their packed signs and their magnitudes. Raises TypeError, ValueError for other arrays."""
    size = module.weight.numel()
    if bits.shape != ((size + 7) // 8,) or magnitude.dtype.kind != "f":
        raise ValueError
    if magnitude.shape != module.integers()[1].shape:
        raise ValueError
    negative = np.unpackbits(bits, bitorder="little", count=size).reshape(module.weight.shape)
    return np.where(negative, -magnitude, magnitude)
