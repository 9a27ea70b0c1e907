# amaranth: UnusedElaboratable=no

import re

import numpy as np
import pytest
from amaranth.hdl import signed
from support.bench import beats, run

from hdl.requantize import Requantize

KINDS = ("full", "bias", "shift", "relu", "odd")


def reference(a, mult, bias, shift, lo, hi):
    return np.clip((a.astype(np.int64) * mult + bias) >> shift, lo, hi)


def numbers(rng, kind, channels):
    """Parameters of one kind: like those of the exporter, or at their limits."""
    mult = rng.integers(-(1 << 15), 1 << 15, channels)
    bias = rng.integers(-(1 << 31), 1 << 31, channels)
    return {
        "full": {"mult": mult, "bias": bias, "shift": 20, "lo": -(1 << 15), "hi": (1 << 15) - 1},
        "bias": {"mult": mult * 0 + 1, "bias": bias >> 20, "shift": 4, "lo": -128, "hi": 127},
        "shift": {"mult": mult * 0 + 1, "bias": bias * 0, "shift": 5, "lo": -100, "hi": 50},
        "relu": {"mult": mult, "bias": bias, "shift": 24, "lo": 0, "hi": 127},
        "odd": {"mult": mult, "bias": bias, "shift": 0, "lo": -77, "hi": -3},
    }[kind]


def inputs(rng, width, channels):
    a = rng.integers(-(1 << (width - 1)), 1 << (width - 1), (25, channels))
    a[0], a[1] = -(1 << (width - 1)), (1 << (width - 1)) - 1
    return a


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("channels", "par"), ((1, 1), (6, 1), (6, 2), (6, 6), (5, 1), (9, 3)))
def test_requantize(channels, par, kind):
    rng = np.random.default_rng(channels * par)
    width = 16 if kind == "full" else int(rng.integers(8, 13))
    n, a = numbers(rng, kind, channels), inputs(rng, width, channels)
    dut = Requantize(i_shape=signed(width), par=par, **n)
    result = run(dut, {"i": beats(a, par)}, {"o": a.size // par}, stalls=0.4, seed=par, reset_at=17)
    assert (result.values["o"] == beats(reference(a, **n), par)).all()


@pytest.mark.parametrize("family", ("ecp5", "gowin", "ice40"))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("channels", "par"), ((6, 2), (5, 5)))
def test_requantize_timing(channels, par, kind, family):
    rng = np.random.default_rng(1)
    dut = Requantize(i_shape=signed(8), par=par, pixels=10, family=family,
                     **numbers(rng, kind, channels))
    result = run(dut, {"i": beats(np.zeros((20, channels), int), par)}, {"o": 20 * channels // par})
    assert result.latency() == dut.latency == (2 if kind in ("bias", "shift") else 3 if family == "ice40" else 5)
    assert result.interval(10 * channels // par) == dut.interval


@pytest.mark.parametrize(("change", "error", "sentence"), (
    ({"mult": [1.5]}, TypeError, "Multipliers must be integers, not float64"),
    ({"bias": [1, 2]}, ValueError, "Biases must have one value for each of 1 channels, not 2"),
    ({"shift": -1}, ValueError, "Shift must be a non-negative integer, not -1"),
    ({"lo": 0.5}, TypeError, "Output lo must be an integer, not 0.5"),
    ({"hi": -128}, ValueError, "Output lo -128 must be below hi -128"),
    ({"par": 2}, ValueError, "Parallelism 2 must evenly divide channels 1"),
))
def test_requantize_wrong(change, error, sentence):
    good = {"i_shape": signed(8), "mult": [1], "bias": [0], "shift": 0, "lo": -128, "hi": 127, "par": 1}
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        Requantize(**good | change)
