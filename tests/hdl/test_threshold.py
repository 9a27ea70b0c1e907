# amaranth: UnusedElaboratable=no

import re

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned
from support.bench import beats, bits_to_signs, run

from hdl.stream import BINARY, TRIT
from hdl.threshold import Threshold


def reference(a, hi, lo):
    """Thresholds of an (n, c) array."""
    if lo is None:
        return np.where(a >= hi, 1, -1)
    return (a >= hi).astype(int) - (a <= lo)


def thresholds(rng, channels, width, ternary):
    """Random thresholds, some of them out of the range of signed(width)."""
    bound = int(1.3 * (1 << (width - 1))) + 1
    cuts = np.sort([rng.choice(np.arange(-bound, bound + 1), 2, replace=False) for _ in range(channels)], axis=1)
    return cuts[:, 1], cuts[:, 0] if ternary else None


def values(result, dut):
    return bits_to_signs(result.values["o"]) if dut.o_shape == BINARY else result.values["o"]


@pytest.mark.parametrize("ternary", (True, False))
@pytest.mark.parametrize(("channels", "par"), ((1, 1), (6, 1), (6, 2), (6, 3), (6, 6), (5, 1), (7, 7), (16, 4),
                                               (100, 1), (192, 2), (300, 4)))
def test_threshold(channels, par, ternary):
    rng = np.random.default_rng(channels * par)
    width = int(rng.integers(3, 10))
    hi, lo = thresholds(rng, channels, width, ternary)
    a = rng.integers(-(1 << (width - 1)), 1 << (width - 1), (20, channels))
    dut = Threshold(i_shape=signed(width), hi=hi, lo=lo, par=par)
    result = run(dut, {"i": beats(a, par)}, {"o": a.size // par}, stalls=0.4, seed=par, reset_at=23)
    assert (values(result, dut) == beats(reference(a, hi, lo), par)).all()


@pytest.mark.parametrize("width", (1, 2, 3))
def test_threshold_every_cut(width):
    """Every pair of thresholds in and out of range against every value."""
    bound = 1 << width
    pairs = [(lo, hi) for lo in range(-bound, bound) for hi in range(lo + 1, bound + 1)]
    lo, hi = np.transpose(pairs)
    a = np.repeat(np.arange(-bound // 2, bound // 2)[:, None], len(pairs), axis=1)
    dut = Threshold(i_shape=signed(width), hi=hi, lo=lo, par=1)
    assert (run(dut, {"i": beats(a, 1)}, {"o": a.size}).values["o"] == beats(reference(a, hi, lo), 1)).all()


@pytest.mark.parametrize("i_shape", (BINARY, TRIT))
def test_threshold_small_shapes(i_shape):
    hi, lo = np.array([1, 2, 0]), np.array([-1, 0, -2])
    a = np.random.default_rng(0).choice([-1, 1] if i_shape == BINARY else [-1, 0, 1], (30, 3))
    dut = Threshold(i_shape=i_shape, hi=hi, lo=lo, par=3)
    result = run(dut, {"i": (a < 0).astype(int) if i_shape == BINARY else a}, {"o": 30})
    assert (result.values["o"] == reference(a, hi, lo)).all()


@pytest.mark.parametrize(("channels", "par"), ((6, 2), (5, 5), (9, 1), (192, 2)))
def test_threshold_timing(channels, par):
    a = np.zeros((2 * 12, channels), int)
    dut = Threshold(i_shape=signed(8), hi=np.full(channels, 3), lo=np.full(channels, -3), par=par, pixels=12)
    result = run(dut, {"i": beats(a, par)}, {"o": a.size // par})
    assert result.latency() == dut.latency
    assert result.interval(12 * channels // par) == dut.interval


@pytest.mark.parametrize(("hi", "lo", "width"), (
    ([127], [-128], 8),            # both ends within signed(8)
    ([100_000], [-100_000], 9),    # both never reached: one bit wider than the input
    ([3, 7], [-8, -4], 4),         # narrower than the input
    ([128], [126], 8),             # a cut past the upper end, compared as a > 127
))
def test_threshold_width(hi, lo, width):
    assert Threshold(i_shape=signed(8), hi=hi, lo=lo, par=1).threshold_width == width


@pytest.mark.parametrize(("channels", "par", "expected"),
                         ((64, 1, True), (64, 2, True), (64, 4, False), (32, 1, False)))
def test_threshold_in_block_ram(channels, par, expected):
    hi = np.arange(channels) * 3
    assert Threshold(i_shape=signed(12), hi=hi, lo=hi - 900, par=par).in_block_ram == expected


@pytest.mark.parametrize(("change", "error", "sentence"), (
    ({"hi": [1, 2, 3], "lo": [0, 2, 0]}, ValueError, "Threshold lo 2 must be below hi 2 in channel 1"),
    ({"hi": [1.5, 2, 3]}, TypeError, "Thresholds hi must be integers, not float64"),
    ({"hi": 4}, ValueError, "Thresholds hi must have shape (channels,), not ()"),
    ({"lo": [0, 0]}, ValueError, "Thresholds lo must have one value for each of 3 channels, not 2"),
    ({"par": 2}, ValueError, "Parallelism 2 must evenly divide channels 3"),
    ({"par": 0}, ValueError, "Parallelism must be a positive integer, not 0"),
    ({"pixels": 0}, ValueError, "Pixels must be a positive integer, not 0"),
    ({"i_shape": unsigned(4)}, ValueError, "Input shape must be unsigned(1) for binary or signed, not unsigned(4)"),
    ({"i_shape": "wide"}, TypeError, "Input shape must be an element shape, not 'wide'"),
))
def test_threshold_wrong(change, error, sentence):
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        Threshold(**{"i_shape": signed(4), "hi": [1, 2, 3], "lo": [0, 0, 0], "par": 1} | change)
