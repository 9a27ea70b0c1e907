"""Executes a file with the `qonnx` package itself, on many pictures at once."""

import warnings
from pathlib import Path

import numpy as np
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.change_batchsize import ChangeBatchSize
from qonnx.transformation.infer_shapes import InferShapes


def execute(file: Path, x: np.ndarray, batch: int = 500) -> np.ndarray:
    """The first output (n, outputs) for the inputs `x` (n, ...), turned into the graph's type.

    n must be a multiple of `batch`, or less.
    """
    batch = min(batch, len(x))
    model = ModelWrapper(str(file))
    source, output = model.graph.input[0].name, model.graph.output[0].name
    dtype = helper.tensor_dtype_to_np_dtype(model.graph.input[0].type.tensor_type.elem_type)
    model = model.transform(ChangeBatchSize(batch)).transform(InferShapes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns because the file's shapes are for one picture
        parts = [execute_onnx(model, {source: x[first:first + batch].astype(dtype)})[output]
                 for first in range(0, len(x), batch)]
    return np.concatenate(parts).reshape(len(x), -1)
