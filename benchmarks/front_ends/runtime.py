"""ONNX Runtime, for the scripts of this folder: static quantisation and prediction."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np


class _Pictures:
    """Pictures for the calibration, one at a time."""

    def __init__(self, name: str, pictures: np.ndarray) -> None:
        self.frames: Iterator[dict[str, np.ndarray]] = iter([{name: frame[None]} for frame in pictures])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.frames, None)


def quantised(file: Path, pictures: np.ndarray) -> None:
    """Quantise the float network of a file to int8, symmetrically, in QDQ form. It replaces the file."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    CalibrationDataReader.register(_Pictures)
    name = onnx.load(file).graph.input[0].name
    quant_pre_process(str(file), str(file))
    quantize_static(str(file), str(file), _Pictures(name, pictures), quant_format=QuantFormat.QDQ, per_channel=True,
                    activation_type=QuantType.QInt8, weight_type=QuantType.QInt8,
                    extra_options={"ActivationSymmetric": True, "WeightSymmetric": True})


def logits(file: str, pictures: np.ndarray) -> np.ndarray:
    """The first output for pictures as the graph wants them, one at a time."""
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: frame[None]})[0] for frame in pictures])
