# amaranth: UnusedElaboratable=no

import re

import numpy as np
import pytest
from amaranth.hdl import signed
from support.bench import beats, run, signs_to_bits

from hdl.stream import BINARY
from hdl.top_k import TopK

SHAPES = ((10, 1, 1), (10, 5, 2), (10, 3, 5), (10, 10, 10), (7, 2, 1), (7, 7, 7), (1, 1, 1), (9, 4, 3), (2, 1, 2))


def reference(x, k):
    return np.argsort(-x, axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize(("channels", "k", "par"), SHAPES)
@pytest.mark.parametrize("span", (2, 1 << 15))  # with a small span almost all are ties
def test_top_k(channels, k, par, span):
    x = np.random.default_rng(channels).integers(-span, span, (20, channels))
    dut = TopK(shape=signed(16), channels=channels, k=k, par=par)
    result = run(dut, {"i": beats(x, par)}, {"o": 20}, stalls=0.4, seed=k, reset_at=13)
    assert (result.values["o"] == reference(x, k)).all()


def test_top_k_binary():
    x = np.random.default_rng(0).choice([-1, 1], (20, 6))
    dut = TopK(shape=BINARY, channels=6, k=2, par=3)
    result = run(dut, {"i": beats(signs_to_bits(x), 3)}, {"o": 20})
    assert (result.values["o"] == reference(x, 2)).all()


@pytest.mark.parametrize(("channels", "k", "par"), SHAPES)
def test_top_k_timing(channels, k, par):
    dut = TopK(shape=signed(8), channels=channels, k=k, par=par)
    result = run(dut, {"i": np.zeros((6 * channels // par, par))}, {"o": 6})
    assert result.latency() == dut.latency
    assert result.interval(1) == dut.interval


@pytest.mark.parametrize(("change", "error", "sentence"), (
    ({"k": 0}, ValueError, "K must be a positive integer, not 0"),
    ({"k": 11}, ValueError, "K 11 must be at most the number of channels 10"),
    ({"par": 3}, ValueError, "Parallelism 3 must evenly divide channels 10"),
    ({"channels": "10"}, TypeError, "Channels must be a positive integer, not '10'"),
))
def test_top_k_wrong(change, error, sentence):
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        TopK(**{"shape": signed(8), "channels": 10, "k": 1, "par": 1} | change)
