# amaranth: UnusedElaboratable=no
"""Pools with kernel, stride, padding and dilation of their own for each axis and side, against plain Python."""

import random

import numpy as np
import pytest
from amaranth.hdl import signed
from support import naive
from support.bench import beats, bits_to_signs, run, signs_to_bits

from hdl.avg_pool import AvgPool
from hdl.max_pool import MaxPool
from hdl.stream import BINARY, TRIT
from quantize.nodes.window import Window, always_inside


def axis(pick):
    """(size, kernel, stride, before, after, dilation) of a random axis with at least one window."""
    kernel, dilation = pick.choice([1, 1, 2, 3, 3, 4, 5]), pick.choice([1, 1, 2, 3])
    extent = (kernel - 1) * dilation + 1
    before, after = (pick.choice([0, pick.randint(0, extent - 1)]) for _ in "ba")
    return max(1, extent - before - after) + pick.randint(0, 5), kernel, pick.randint(1, 4), before, after, dilation


def case(seed):
    """(shape of a picture, elements a beat, window) in which every window has a pixel of the picture."""
    pick = random.Random(seed)
    while True:
        (height, *down), (width, *across) = axis(pick), axis(pick)
        kernel, stride, before, after, dilation = zip(down, across, strict=True)
        window = Window(kernel, stride, (*before, *after), dilation)
        channels = pick.choice([1, 2, 3, 6])
        if always_inside(window, height, width):
            par = pick.choice([d for d in (1, 2, 3, 6) if channels % d == 0])
            return (height, width, channels), par, window


def parameters(shape, par, window):
    names = ("height", "width", "channels")
    return {**dict(zip(names, shape, strict=True)), "par": par, **vars(window)}


def largest(shape, size, par, window, x):
    dut = MaxPool(shape=shape, **parameters(size, par, window))
    return dut, naive.max_pool(x, window=window).astype(int)


def total(shape, size, par, window, x):
    ends = {"lo": -1, "hi": 1} if shape == TRIT else {}
    dut = AvgPool(shape=shape, shift=1, **parameters(size, par, window), **ends)
    return dut, naive.avg_pool(x, window=window, shift=1).astype(int)


@pytest.mark.parametrize(("make", "shape"), [(largest, BINARY), (largest, TRIT), (largest, signed(6)), (total, TRIT),
                                             (total, signed(6))])
@pytest.mark.parametrize("seed", range(12))
def test_pool_of_any_window(seed, make, shape):
    size, par, window = case(seed)
    rng = np.random.default_rng(seed)
    if shape == BINARY:
        x = rng.choice([-1, 1], (3, *size))
    else:
        x = rng.integers(-(1 << (shape.width - 1)) + (shape == TRIT), 1 << (shape.width - 1), (3, *size))
    dut, y = make(shape, size, par, window, x)
    result = run(dut, {"i": beats(signs_to_bits(x) if shape == BINARY else x, par)}, {"o": y.size // par},
                 stalls=0.3, seed=seed)
    got = result.values["o"]
    np.testing.assert_array_equal(bits_to_signs(got) if shape == BINARY and make is largest else got, beats(y, par))


@pytest.mark.parametrize("seed", range(12))
def test_pool_of_any_window_interval_latency(seed):
    size, par, window = case(100 + seed)
    dut, y = largest(TRIT, size, par, window, np.zeros((3, *size), int))
    result = run(dut, {"i": np.zeros((y.shape[0] * np.prod(size) // par, par))}, {"o": y.size // par})
    height, width = window.padded(*size[:2])
    assert dut.interval == height * width * size[2] // par
    assert result.latency() == dut.latency
    assert result.interval(y.size // par // 3) == dut.interval


@pytest.mark.parametrize("shape", [signed(8), BINARY])
@pytest.mark.parametrize("kernel", [(3, 1), (1, 3), (1, 1)])
def test_average_of_one_dimension(kernel, shape):
    """The element before the one sum may be wider than its range needs, and the other dimension costs nothing."""
    window, ends = Window(kernel), {} if shape == BINARY else {"lo": 0, "hi": 60}
    x = np.random.default_rng(0).integers(0, 61, (2, 4, 5, 2)) if ends else np.ones((2, 4, 5, 2), int)
    dut, y = AvgPool(shape=shape, **parameters((4, 5, 2), 1, window), **ends), naive.avg_pool(x, window=window)
    result = run(dut, {"i": beats(signs_to_bits(x) if shape == BINARY else x, 1)}, {"o": y.size}, output_stalls=0.3)
    np.testing.assert_array_equal(result.values["o"], beats(y.astype(int), 1))
    assert len(dut.steps) == (2 if kernel == (1, 1) else 1)
    assert result.latency() >= dut.latency


def test_pool_pads_binary_with_the_least():
    """A padding of +1 would always be the largest."""
    x = np.full((1, 2, 2, 1), -1)
    dut, y = largest(BINARY, (2, 2, 1), 1, Window((3, 3), padding=(1,) * 4), x)
    result = run(dut, {"i": beats(signs_to_bits(x), 1)}, {"o": 4})
    assert (bits_to_signs(result.values["o"]) == -1).all() and (y == -1).all()


def test_average_of_padded_binary_is_refused():
    with pytest.raises(ValueError, match="^Binary elements have no zero to pad with$"):
        AvgPool(shape=BINARY, height=2, width=2, channels=1, par=1, kernel=2, padding=1)
