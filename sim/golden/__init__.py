"""The golden model: one function on integer arrays for each node kind, and a runner for whole networks.

A kind's file defines that layer to the bit. Torch's integer mode and the Verilog are tested against it.
Tensors are (n, h, w, c) arrays of values: -1, 0, +1 for ternary, -1, +1 for binary.
"""

from sim.golden.accuracy import Accuracy, accuracy
from sim.golden.runner import apply, check_images, run

__all__ = ["Accuracy", "accuracy", "apply", "check_images", "run"]
