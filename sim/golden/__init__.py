"""The golden model: each node kind as one function on integer arrays, and a runner for whole networks.

A kind's file is the definition of that layer, to the bit; all else (torch's integer mode, the Verilog) is held to it.
Tensors are (n, h, w, c) arrays of values: -1, 0, +1 for trits, -1, +1 for binary.
"""

from sim.golden.accuracy import Accuracy, accuracy
from sim.golden.runner import apply, check_images, run

__all__ = ["Accuracy", "accuracy", "apply", "check_images", "run"]
