"""Every golden function against the naive one on random shapes, and rounding, saturation and ties to the bit."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import naive

from quantize.nodes.window import Window, always_inside
from sim.golden.add import add
from sim.golden.avg_pool import avg_pool
from sim.golden.conv import conv
from sim.golden.dense import dense
from sim.golden.exact import float_for
from sim.golden.flatten import flatten
from sim.golden.max_pool import max_pool
from sim.golden.pad_channels import pad_channels
from sim.golden.requantize import requantize
from sim.golden.threshold import threshold
from sim.golden.top_k import top_k

seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
RANGES = {"binary": (-1, 1), "ternary": (-1, 1), "int8": (-128, 127), "int16": (-(2**15), 2**15 - 1)}


def values(random, shape, kind):
    """Random elements of a kind, in the narrowest type that holds them."""
    if kind == "binary":
        return random.choice(np.array([-1, 1], np.int8), shape)
    lo, hi = RANGES[kind]
    return random.integers(lo, hi + 1, shape).astype(np.int16 if hi > 127 else np.int8)


def equal(found, expected):
    assert found.dtype.kind == "i"
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found.astype(object), expected)


@st.composite
def windows(draw):
    """(shape of a tensor, window) with at least one whole window."""
    def axis():
        kernel, dilation = draw(st.integers(1, 7)), draw(st.integers(1, 3))
        extent = (kernel - 1) * dilation + 1
        before, after = draw(st.integers(0, min(3, extent - 1))), draw(st.integers(0, min(3, extent - 1)))
        size = draw(st.integers(0, 4)) + max(1, extent - before - after)
        return size, kernel, draw(st.integers(1, 4)), before, after, dilation

    (height, *down), (width, *across) = axis(), axis()
    kernel, stride, before, after, dilation = zip(down, across, strict=True)
    window = Window(kernel, stride, (*before, *after), dilation)
    return (draw(st.integers(1, 2)), height, width, draw(st.integers(1, 3))), window


@given(seeds, windows(), st.sampled_from(sorted(RANGES)), st.sampled_from(["binary", "int8"]), st.booleans(),
       st.integers(1, 4))
def test_conv(random, window, kind, weight_kind, with_bias, outputs):
    shape, window = window
    x, weights = values(random, shape, kind), values(random, (outputs, *window.kernel, shape[3]), weight_kind)
    bias = random.integers(-(2**30), 2**30, outputs, dtype=np.int32) if with_bias else None
    pad = values(random, shape[3], "binary") if kind == "binary" else 0
    found = conv(x, weights, bias, pad, window=window)
    equal(found, naive.conv(x, weights, bias, pad, window=window))


def test_conv_pads_binary_with_its_own_value():
    x, weights = np.ones((1, 1, 1, 2), np.int8), np.ones((1, 3, 3, 2), np.int8)
    window = Window((3, 3), padding=(1, 1, 1, 1))
    assert conv(x, weights, window=window, pad=0).item() == 2
    assert conv(x, weights, window=window, pad=1).item() == 18
    assert conv(x, weights, window=window, pad=np.array([1, -1], np.int8)).item() == 2 + 8 - 8


def test_conv_in_pieces(monkeypatch):
    random = np.random.default_rng(1)
    x, weights = values(random, (7, 5, 4, 3), "int8"), values(random, (2, 3, 3, 3), "int8")
    window = Window((3, 3), padding=(1, 1, 1, 1))
    whole = conv(x, weights, window=window)
    monkeypatch.setattr("sim.golden.conv.COLUMN_BYTES", 5 * 4 * 27 * 4 * 3)  # three images at a time
    equal(conv(x, weights, window=window), whole.astype(object))


@pytest.mark.parametrize(("weight", "count", "number"), [(127, 1033, np.float32), (127, 1034, np.float64)])
def test_dense_exact_at_the_limit_of_float32(weight, count, number):
    x, weights = np.full((1, 1, 1, count), -128, np.int16), np.full((1, count), weight, np.int8)
    x[..., -1], weights[..., -1] = -127, 1  # makes the sum odd; float32 loses odd sums first
    assert float_for(weights, x) is number
    assert dense(x, weights).item() == -128 * 127 * (count - 1) - 127


def test_product_too_large():
    with pytest.raises(ValueError, match=r"^a dot product must stay below 2\*\*53 to be exact, its bound is \d+$"):
        float_for(np.full((1, 1 << 16), 2**20), np.array([2**30]))


@given(seeds, st.integers(1, 40), st.sampled_from(sorted(RANGES)), st.booleans())
def test_dense(random, count, kind, with_bias):
    x, weights = values(random, (3, 1, 1, count), kind), values(random, (5, count), "int8")
    bias = random.integers(-(2**31), 2**31, 5, dtype=np.int64).clip(-(2**30), 2**30).astype(np.int32)
    bias = bias if with_bias else None
    equal(dense(x, weights, bias), naive.dense(x, weights, bias))


@given(seeds, st.booleans(), st.sampled_from([np.int8, np.int32]))
def test_threshold(random, ternary, dtype):
    x = random.integers(-20, 21, (2, 3, 2, 4)).astype(dtype)
    lo = random.integers(-25, 20, 4, dtype=np.int32)
    hi = lo + random.integers(1, 6, 4, dtype=np.int32)
    lo[0], hi[0] = -(2**31), 2**31 - 1  # a channel that is always 0 (ternary) or -1 (binary)
    lo = lo if ternary else None
    equal(threshold(x, hi, lo), naive.threshold(x, hi, lo))


def test_threshold_is_inclusive():
    x = np.array([-3, -2, 0, 1, 2], np.int8).reshape(1, 1, 5, 1)
    hi, lo = np.array([2], np.int32), np.array([-2], np.int32)
    assert threshold(x, hi, lo).ravel().tolist() == [-1, -1, 0, 0, 1]
    assert threshold(x, np.array([0], np.int32)).ravel().tolist() == [-1, -1, 1, 1, 1]


@given(seeds, windows(), st.sampled_from(sorted(RANGES)), st.integers(0, 5))
def test_pools(random, window, kind, shift):
    shape, window = window
    x = values(random, shape, kind)
    if always_inside(window, *shape[1:3]):
        equal(max_pool(x, window=window), naive.max_pool(x, window=window))
    equal(avg_pool(x, window=window, shift=shift), naive.avg_pool(x, window=window, shift=shift))


def test_avg_pool_rounds_down():
    x = np.array([-1, 0, 0, 0, -5, 0, 0, 0], np.int8).reshape(2, 2, 2, 1)
    assert avg_pool(x, window=Window((2, 2), (2, 2)), shift=2).ravel().tolist() == [-1, -2]


def test_avg_pool_too_large():
    with pytest.raises(ValueError, match=r"^a sum of 2x2 elements must fit 32 bits, its bound is 4294967296$"):
        avg_pool(np.full((1, 2, 2, 1), 2**30, np.int32), window=Window((2, 2), (2, 2)))


@given(seeds, st.sampled_from([2**7, 2**15, 2**31]), st.integers(0, 47), st.sampled_from([8, 16, 32]))
def test_requantize(random, size, shift, width):
    x = random.integers(-size, size, (2, 2, 3, 4)).astype(np.int32)
    mult = random.integers(-(2**15), 2**15, 4).astype(np.int16)
    bias = random.integers(-(2**31), 2**31, 4).astype(np.int32)
    limits = {"shift": shift, "lo": -(2 ** (width - 1)), "hi": 2 ** (width - 1) - 1}
    equal(requantize(x, mult, bias, **limits), naive.requantize(x, mult, bias, **limits))


def test_requantize_of_negatives_and_saturation():
    x = np.array([-1, -3, -4, 1000, -1000], np.int16).reshape(1, 1, 5, 1)
    one, zero = np.array([1], np.int16), np.array([0], np.int32)
    assert requantize(x, one, zero, shift=2, lo=-128, hi=127).ravel().tolist() == [-1, -1, -1, 127, -128]
    assert requantize(x, one, zero, shift=40, lo=-128, hi=127).ravel().tolist() == [-1, -1, -1, 0, -1]
    assert requantize(x, one, zero + 2, shift=2, lo=0, hi=127).ravel().tolist() == [0, 0, 0, 127, 0]


@given(seeds, st.sampled_from(sorted(RANGES)), st.integers(2, 32))
def test_add(random, kind, width):
    a, b = values(random, (2, 3, 2, 3), kind), values(random, (2, 3, 2, 3), "int16")
    equal(add(a, b, width=width), naive.add(a, b, width=width))


def test_add_saturates():
    a = np.array([127, -128, 100], np.int8).reshape(1, 1, 1, 3)
    assert add(a, a, width=8).ravel().tolist() == [127, -128, 127]
    big = np.full((1, 1, 1, 1), 2**31 - 1, np.int32)
    assert add(big, big, width=32).item() == 2**31 - 1


@given(seeds, st.integers(0, 3), st.integers(0, 3), st.sampled_from(sorted(RANGES)))
def test_pad_channels_and_flatten(random, before, after, kind):
    x = values(random, (2, 2, 3, 3), kind)
    equal(pad_channels(x, before=before, after=after), naive.pad_channels(x, before=before, after=after))
    equal(flatten(x), naive.flatten(x))
    equal(flatten(x[:, ::-1]), naive.flatten(x[:, ::-1]))


@given(seeds, st.integers(1, 6))
def test_top_k(random, k):
    x = random.integers(-2, 3, (4, 1, 1, 6)).astype(np.int32)  # many ties
    equal(top_k(x, k=k), naive.top_k(x, k=k))


def test_top_k_of_extremes_and_ties():
    x = np.array([-(2**31), 2**31 - 1, -(2**31), 2**31 - 1], np.int32).reshape(1, 1, 1, 4)
    assert top_k(x, k=4).ravel().tolist() == [1, 3, 0, 2]
    assert top_k(np.zeros((1, 1, 1, 5), np.int32), k=3).ravel().tolist() == [0, 1, 2]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("piece", [1, 40, 700, 5000, 1 << 20])
def test_conv_in_parts_of_a_picture(piece, count, monkeypatch):
    """Of one window, parts of a row, rows, a picture, and all pictures."""
    rng = np.random.default_rng(0)
    x, weights = rng.integers(-9, 9, (count, 7, 6, 2)), rng.integers(-9, 9, (4, 3, 3, 2))
    window = Window((3, 3), (2, 2), (1, 1, 1, 1))
    whole = conv(x, weights, window=window)
    monkeypatch.setattr("sim.golden.conv.COLUMN_BYTES", piece)
    np.testing.assert_array_equal(conv(x, weights, window=window), whole)


def test_a_large_picture_is_convolved_in_little_memory():
    """Its windows are 49 times as large as it is: 103 MB here, of which a piece is held at a time."""
    x, weights = np.ones((1, 512, 512, 2), np.int8), np.ones((1, 7, 7, 2), np.int8)
    tracemalloc.start()
    try:
        conv(x, weights, window=Window((7, 7), padding=(3, 3, 3, 3)))
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()
