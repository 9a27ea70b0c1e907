"""Number formats of neural networks for comparison, each as an array of dot products in logic."""

from benchmarks.formats.float32 import Float32
from benchmarks.formats.integers import BWN, TWN, Int8
from benchmarks.formats.trits import TBN, TNN, XNOR

FORMATS = {array.name: array for array in (Float32, Int8, TWN, BWN, TNN, TBN, XNOR)}
"""The array classes by name, the costliest first."""
