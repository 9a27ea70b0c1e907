# amaranth: UnusedElaboratable=no

import re

import numpy as np
import pytest
from amaranth.hdl import Shape, signed, unsigned
from support.bench import beats, bits_to_signs, run, signs_to_bits

from hdl.max_pool import MaxPool
from hdl.stream import BINARY, TRIT

FRAMES = (  # height, width, channels, par, kernel, stride
    (4, 4, 6, 1, 2, 2), (4, 4, 6, 2, 2, 2), (4, 4, 6, 3, 2, 2), (4, 4, 6, 6, 2, 2), (5, 7, 5, 1, 2, 2),
    (5, 7, 5, 5, 3, 3), (6, 4, 1, 1, 4, 4), (3, 5, 4, 2, 1, 1), (5, 6, 4, 2, 1, 2), (7, 8, 3, 1, 2, 3),
    (7, 8, 3, 1, 3, 2), (7, 8, 3, 3, 3, 2), (5, 6, 2, 2, 3, 1), (5, 6, 2, 1, 2, 1), (9, 11, 4, 4, 5, 2),
    (6, 6, 3, 1, 5, 1), (3, 3, 4, 2, 3, 3), (1, 9, 2, 2, 1, 2), (8, 3, 2, 1, 3, 2), (7, 7, 1, 1, 4, 3),
)


def windows(x, kernel, stride):
    """(n, h, w, c) -> (n, oh, ow, kernel * kernel, c)"""
    view = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), axis=(1, 2))[:, ::stride, ::stride]
    return np.moveaxis(view.reshape(*view.shape[:4], -1), 3, 4)


def elements(rng, shape, size):
    shape = Shape.cast(shape)
    if shape == BINARY:
        return rng.choice([-1, 1], size)
    if shape == TRIT:
        return rng.integers(-1, 2, size)
    return rng.integers(-(1 << (shape.width - 1)), 1 << (shape.width - 1), size)


@pytest.mark.parametrize("shape", (BINARY, TRIT, signed(7)), ids=("binary", "trit", "int"))
@pytest.mark.parametrize("frame", FRAMES)
def test_max_pool(frame, shape):
    height, width, channels, par, kernel, stride = frame
    x = elements(np.random.default_rng(sum(frame)), shape, (3, height, width, channels))
    y = windows(x, kernel, stride).max(axis=3)
    dut = MaxPool(shape=shape, height=height, width=width, channels=channels, kernel=kernel, stride=stride, par=par)
    assert (dut.down.count, dut.across.count) == y.shape[1:3]
    result = run(dut, {"i": beats(signs_to_bits(x) if shape == BINARY else x, par)}, {"o": y.size // par},
                 stalls=0.3, seed=sum(frame), reset_at=height * width * channels // par // 2 + 5)
    got = result.values["o"]
    assert ((bits_to_signs(got) if shape == BINARY else got) == beats(y, par)).all()


@pytest.mark.parametrize("frame", FRAMES)
def test_max_pool_timing(frame):
    height, width, channels, par, kernel, stride = frame
    dut = MaxPool(shape=TRIT, height=height, width=width, channels=channels, kernel=kernel, stride=stride, par=par)
    out = dut.down.count * dut.across.count * channels // par
    result = run(dut, {"i": np.zeros((3 * height * width * channels // par, par))}, {"o": 3 * out})
    assert result.latency() == dut.latency
    assert result.interval(out) == dut.interval == height * width * channels // par


@pytest.mark.parametrize(("change", "error", "sentence"), (
    ({"shape": unsigned(3)}, ValueError, "Element shape must be unsigned(1) for binary or signed, not unsigned(3)"),
    ({"height": 0}, ValueError, "Height must be a positive integer, not 0"),
    ({"stride": 1.0}, TypeError, "Stride must be a positive integer, not 1.0"),
    ({"kernel": 5}, ValueError, "Kernel size 5 must fit the padded picture of 4 rows and 6 columns"),
    ({"par": 4}, ValueError, "Parallelism 4 must evenly divide channels 6"),
))
def test_max_pool_wrong(change, error, sentence):
    good = {"shape": TRIT, "height": 4, "width": 6, "channels": 6, "kernel": 2, "stride": 2, "par": 1}
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        MaxPool(**good | change)
