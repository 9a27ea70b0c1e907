# amaranth: UnusedElaboratable=no

import re

import numpy as np
import pytest
from amaranth.hdl import Shape, signed
from support.bench import beats, run, signs_to_bits

from hdl.avg_pool import AvgPool
from hdl.stream import BINARY, TRIT

FRAMES = (  # height, width, channels, par, kernel, stride, shift
    (4, 4, 6, 1, 2, 2, 2), (4, 4, 6, 2, 2, 2, 0), (4, 4, 6, 3, 2, 2, 1), (4, 4, 6, 6, 2, 2, 2),
    (5, 80, 2, 2, 2, 2, 1), (4, 8, 20, 1, 3, 1, 3),  # partial results in block RAM
    (8, 8, 5, 5, 8, 8, 0), (8, 8, 6, 3, 8, 8, 6), (6, 5, 3, 1, 1, 2, 0), (5, 7, 3, 1, 2, 2, 9),
    (5, 7, 3, 3, 3, 2, 2), (5, 6, 2, 1, 3, 1, 3), (7, 5, 1, 1, 2, 3, 0), (9, 9, 4, 4, 5, 2, 4),
)


def windows(x, kernel, stride):
    """(n, h, w, c) -> (n, oh, ow, c, kernel * kernel)"""
    view = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), axis=(1, 2))[:, ::stride, ::stride]
    return view.reshape(*view.shape[:4], -1)


def elements(rng, shape, size):
    """Random elements, mostly at the ends of the range."""
    shape = Shape.cast(shape)
    if shape == BINARY:
        return rng.choice([-1, 1], size)
    lo, hi = (-1, 1) if shape == TRIT else (-(1 << (shape.width - 1)), (1 << (shape.width - 1)) - 1)
    x = rng.integers(lo, hi + 1, size)
    x[0], x[1] = lo, hi
    return x


@pytest.mark.parametrize("shape", (BINARY, TRIT, signed(8)), ids=("binary", "trit", "int"))
@pytest.mark.parametrize("frame", FRAMES)
def test_avg_pool(frame, shape):
    height, width, channels, par, kernel, stride, shift = frame
    x = elements(np.random.default_rng(sum(frame)), shape, (3, height, width, channels))
    y = windows(x, kernel, stride).sum(axis=4) >> shift
    ends = {"lo": -1, "hi": 1} if shape == TRIT else {}
    dut = AvgPool(shape=shape, height=height, width=width, channels=channels, kernel=kernel, stride=stride, par=par,
                  shift=shift, **ends)
    result = run(dut, {"i": beats(signs_to_bits(x) if shape == BINARY else x, par)}, {"o": y.size // par},
                 stalls=0.3, seed=sum(frame), reset_at=height * width * channels // par // 2 + 5)
    assert (result.values["o"] == beats(y, par)).all()


@pytest.mark.parametrize("frame", FRAMES)
def test_avg_pool_timing(frame):
    height, width, channels, par, kernel, stride, shift = frame
    dut = AvgPool(shape=signed(3), height=height, width=width, channels=channels, kernel=kernel, stride=stride, par=par,
                  shift=shift)
    out = dut.down.count * dut.across.count * channels // par
    result = run(dut, {"i": np.zeros((3 * height * width * channels // par, par))}, {"o": 3 * out})
    assert result.latency() == dut.latency
    assert result.interval(out) == dut.interval == height * width * channels // par


@pytest.mark.parametrize(("numbers", "width"), (
    ({"shape": TRIT, "kernel": 3, "lo": -1, "hi": 1}, 5),              # -9 to 9
    ({"shape": TRIT, "kernel": 3}, 6),                                 # -18 to 9
    ({"shape": signed(8), "kernel": 8, "lo": 0, "hi": 127}, 14),       # 0 to 8128
    ({"shape": signed(16), "kernel": 2, "shift": 2}, 16),
    ({"shape": BINARY, "kernel": 1}, 2),
))
def test_avg_pool_shape(numbers, width):
    dut = AvgPool(**{"height": 8, "width": 8, "channels": 1, "stride": 8, "par": 1} | numbers)
    assert dut.o_shape == signed(width)


@pytest.mark.parametrize(("change", "error", "sentence"), (
    ({"shift": -1}, ValueError, "Shift must be a non-negative integer, not -1"),
    ({"kernel": 7}, ValueError, "Kernel size 7 must fit the padded picture of 4 rows and 6 columns"),
    ({"kernel": True}, TypeError, "Kernel size must be a positive integer, not True"),
    ({"lo": -3}, ValueError, "Element range must be integers within -2 to 1, not -3 to 1"),
    ({"lo": 1, "hi": 0}, ValueError, "Element range must be integers within -2 to 1, not 1 to 0"),
    ({"par": 4}, ValueError, "Parallelism 4 must evenly divide channels 6"),
))
def test_avg_pool_wrong(change, error, sentence):
    good = {"shape": TRIT, "height": 4, "width": 6, "channels": 6, "kernel": 2, "stride": 2, "par": 1}
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        AvgPool(**good | change)
