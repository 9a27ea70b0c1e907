"""Torch layers, one kind a file; tensors are (n, c, h, w), dense ones with h = w = 1."""

from quantize.layers.binary import Binary
from quantize.layers.conv import Conv
from quantize.layers.dense import Dense
from quantize.layers.fixed import Fixed
from quantize.layers.flatten import Flatten
from quantize.layers.int8 import Int8
from quantize.layers.pool import AvgPool, MaxPool
from quantize.layers.residual import Residual
from quantize.layers.ternary import Ternary

__all__ = ["AvgPool", "Binary", "Conv", "Dense", "Fixed", "Flatten", "Int8", "MaxPool", "Residual", "Ternary"]
