"""Imported graphs beside ONNX Runtime, which runs the same file on the same pictures."""

import numpy as np
import onnxruntime

from quantize.qonnx.importer import read_network
from sim.golden import run


def runtime(file, x):
    """The first output (n, outputs) of ONNX Runtime for the inputs `x` (n, ...), each as a batch of one.

    The graph is run as it is written, for the runtime's own optimiser rounds sums in another order.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options)
    source = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {source: row[None]})[0].reshape(1, -1) for row in x])


def imported(file, images, pixels=None):
    """The logits (n, classes) of the imported network for uint8 images (n, h, w, c), as real numbers, and the check."""
    check = read_network(file, pixels)
    assert not check.refused, check.refused
    name = check.network.outputs[0]
    integers = run(check.network, (images.astype(np.int16) - 128).astype(np.int8), keep=(name,))[name]
    return integers.reshape(len(images), -1) * check.logits.unit + check.logits.offset, check


def both(file, count=40, seed=5):
    """(logits of the imported network, of ONNX Runtime, the check) for random pictures of a graph that reads NCHW."""
    shape = read_network(file).network.input.shape
    images = np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)
    found, check = imported(file, images)
    real = runtime(file, (images / 255).astype(np.float32).transpose(0, 3, 1, 2))
    assert np.ptp(real) > 0
    return found, real, check


def kinds(check):
    return [node.kind for node in check.network.nodes]
