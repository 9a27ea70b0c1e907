# amaranth: UnusedElaboratable=no

import math
import random

import numpy as np
import pytest
from amaranth.hdl import Module, signed, unsigned
from amaranth.lib import wiring
from support.bench import run, signs_to_bits

from hdl.families import CELL_FAMILIES
from hdl.mvu import MVU
from hdl.rom import weight_rows
from hdl.sliding_window import SlidingWindow
from hdl.stream import TRIT, connect
from quantize.rom import matrix, pack, weight_bits
from quantize.tensor import Node

ACTIVATIONS = ["binary", "ternary", signed(8), signed(3), unsigned(4)]


def divisors(n):
    return [d for d in range(1, n + 1) if n % d == 0]


def make(rng, *, activation, weight_kind, mh, mw, pe, simd, vectors=6, bias=False, bits=8, **options):
    """A component, its input values, and the results to expect. Weights that are not binary have `bits` bits."""
    ends = -(1 << bits - 1), 1 << bits - 1
    weights = rng.choice([-1, 1], (mh, mw)) if weight_kind == "binary" else rng.integers(*ends, (mh, mw))
    biases = rng.integers(-3 * mw, 3 * mw + 1, mh) if bias else None
    dut = MVU(weights=weights, weight_kind=weight_kind, activation=activation, pe=pe, simd=simd, bias=biases, **options)
    if activation == "binary":
        x = rng.choice([-1, 1], (vectors, mw))
    else:
        lo, hi = (-1, 1) if activation == "ternary" else (
            -(1 << (activation.width - 1)) if activation.signed else 0,
            (1 << (activation.width - activation.signed)) - 1)
        x = rng.integers(lo, hi + 1, (vectors, mw))
        x[0], x[1] = lo, np.where(weights[0] > 0, hi, lo)  # the ends of the range
    results = x @ weights.T + (0 if biases is None else biases)
    sent = np.repeat((signs_to_bits(x) if activation == "binary" else x)[:, None], mh // pe, axis=1)
    return dut, sent.reshape(-1, simd), results.reshape(-1, pe)


def check(dut, sent, results, **options):
    result = run(dut, {"i": sent}, {"o": len(results)}, **options)
    np.testing.assert_array_equal(result.values["o"], results)
    return result


@pytest.mark.parametrize("weight_kind", ["binary", "int8"])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
@pytest.mark.parametrize("seed", range(5))
def test_mvu(activation, weight_kind, seed):
    pick = random.Random(f"{seed} {activation} {weight_kind}")
    mh, mw = pick.choice([1, 2, 3, 4, 6, 10]), pick.choice([1, 3, 9, 12, 18, 25, 36])
    dut, sent, results = make(
        np.random.default_rng(seed), activation=activation, weight_kind=weight_kind, mh=mh, mw=mw,
        pe=pick.choice(divisors(mh)), simd=pick.choice(divisors(mw)), bias=pick.random() < 0.5,
        tree_levels=pick.choice([0, 0, 1, 2, 3]))
    result = check(dut, sent, results)
    assert result.latency() == dut.latency
    assert result.interval(dut.neuron_fold) == dut.interval
    stalls = ((0, 0.7), (0.7, 0), (0.4, 0.4))[seed % 3]
    check(dut, sent, results, input_stalls=stalls[0], output_stalls=stalls[1], seed=seed)


@pytest.mark.parametrize("family", ["portable", "ice40"])
@pytest.mark.parametrize("bits", range(2, 8))
def test_mvu_weights_of_few_bits(bits, family):
    for number, activation in enumerate(ACTIVATIONS):
        rng = np.random.default_rng(10 * bits + number)
        dut, sent, results = make(rng, activation=activation, weight_kind="int8", mh=4, mw=6, pe=2, simd=3, bias=True,
                                  bits=bits, family=family)
        assert dut.weight_bits == bits
        assert max(dut.weight_rows).bit_length() <= 2 * 3 * bits
        result = check(dut, sent, results)
        assert result.latency() == dut.latency
        check(dut, sent, results, input_stalls=0.3, output_stalls=0.4, seed=bits)


@pytest.mark.parametrize(("weights", "bits"), [
    ([0, 0], 2), ([-1, 0], 2), ([-2, 1], 2), ([2, 0], 3), ([-3, 0], 3), ([-64, 63], 7), ([0, 64], 8), ([-128, 0], 8)])
def test_mvu_width_of_weights(weights, bits):
    dut, node = MVU(weights=np.array([weights]), weight_kind="int8", activation="ternary", pe=1, simd=1), Node(
        "dense", "d", ("x",), {"weights": "int8"}, {"weights": np.array([weights], np.int8)})
    assert dut.weight_bits == weight_bits(node) == bits
    assert dut.weight_rows == pack(matrix(node), 1, 1, bits)


@pytest.mark.parametrize("pe", divisors(6))
@pytest.mark.parametrize("simd", divisors(18))
def test_mvu_every_folding(pe, simd):
    dut, sent, results = make(np.random.default_rng(pe * 100 + simd), activation="ternary", weight_kind="binary", mh=6,
                              mw=18, pe=pe, simd=simd, vectors=3, bias=True)
    result = check(dut, sent, results, reset_at=9)
    assert result.latency() == dut.latency
    assert result.interval(dut.neuron_fold) == dut.interval == 6 * 18 // (pe * simd)


@pytest.mark.parametrize("seed", range(6))
def test_mvu_with_weights_in_block_ram(seed):
    """One more register stands behind the weights, and takes part in every stall."""
    activation, weight_kind = ACTIVATIONS[seed % len(ACTIVATIONS)], ("binary", "int8")[seed % 2]
    shape = {"activation": activation, "weight_kind": weight_kind, "mh": 6, "mw": 18, "pe": 2, "simd": 3, "bias": True}
    plain, _, _ = make(np.random.default_rng(seed), rom_style="logic", **shape)
    dut, sent, results = make(np.random.default_rng(seed), rom_style="block", **shape)
    result = check(dut, sent, results)
    assert result.latency() == dut.latency == plain.latency + 1
    assert result.interval(dut.neuron_fold) == dut.interval
    check(dut, sent, results, input_stalls=0.5, output_stalls=0.5, seed=seed)
    check(dut, sent, results, output_stalls=0.8, seed=seed, reset_at=31)


@pytest.mark.parametrize("o_par", divisors(12))
@pytest.mark.parametrize("simd", [6, 18, 2])
def test_mvu_results_a_beat(o_par, simd):
    """Fewer results in a beat take more beats. They take more time only if these outnumber the beats of a vector."""
    dut, sent, results = make(np.random.default_rng(o_par), activation="ternary", weight_kind="binary", mh=24, mw=18,
                              pe=12, simd=simd, bias=True, o_par=o_par)
    results = results.reshape(-1, o_par)
    result = check(dut, sent, results)
    assert result.latency() == dut.latency
    assert result.interval(24 // o_par) == dut.interval == 2 * max(18 // simd, 12 // o_par)
    check(dut, sent, results, output_stalls=0.5, input_stalls=0.3, seed=simd, reset_at=40)


def test_mvu_width_of_result():
    weights = np.ones((2, 9), dtype=int)
    for activation, kind, width in (("ternary", "binary", 5), ("binary", "int8", 5), (signed(8), "binary", 12)):
        dut = MVU(weights=weights, weight_kind=kind, activation=activation, pe=1, simd=3)
        assert dut.acc_width == width
    dut = MVU(weights=weights, weight_kind="binary", activation="ternary", pe=1, simd=3, bias=np.array([7, 6]))
    assert dut.acc_width == 6
    dut = MVU(weights=weights, weight_kind="binary", activation=signed(8), pe=1, simd=3, acc_range=(-8, 7))
    assert dut.acc_width == 4


def test_weight_rows():
    weights = np.array([[-1, 1, 1, 1], [1, -1, 1, 1], [1, 1, -1, 1], [1, 1, 1, -1]])
    assert weight_rows(weights, 2, 2, 1) == [0b1001, 0b0000, 0b0000, 0b1001]
    assert weight_rows(np.array([[-1, 2]]), 1, 2, 8) == [0x02FF]


@pytest.mark.parametrize(("change", "error", "sentence"), [
    ({"pe": 0}, ValueError, "PE must be a positive integer, not 0"),
    ({"pe": 3}, ValueError, "PE 3 must evenly divide matrix height 4; divisors near it are 2 and 4"),
    ({"simd": 4}, ValueError, "SIMD 4 must evenly divide matrix width 6; divisors near it are 3 and 6"),
    ({"weight_kind": "ternary"}, ValueError, "Weight kind must be 'binary' or 'int8', not 'ternary'"),
    ({"activation": "trit"}, ValueError, "Activation must be 'binary', 'ternary' or a shape, not 'trit'"),
    ({"rom_style": "lut"}, ValueError, "ROM style must be one of auto, block, logic, not 'lut'"),
    ({"family": "ecp3"}, ValueError, f"Family must be one of {', '.join(CELL_FAMILIES)}, not 'ecp3'"),
    ({"weights": np.zeros((4, 6), dtype=int)}, ValueError, "Binary weights must be -1 or +1, not 0"),
    ({"weights": np.ones((4, 6))}, TypeError, "Weights must be integers, not float64"),
    ({"weights": np.ones(6, dtype=int)}, ValueError, "Weights must be a matrix (mh, mw), not of shape (6,)"),
    ({"weights": np.full((4, 6), 128), "weight_kind": "int8"}, ValueError,
     "Weights must fit 8 bits, but reach from 128 to 128"),
    ({"bias": np.ones(3, dtype=int)}, ValueError, "Bias must have one value for each of 4 rows, not shape (3,)"),
    ({"bias": np.ones(4)}, TypeError, "Bias must be integers, not float64"),
    ({"o_par": 4}, ValueError, "Results a beat 4 must evenly divide PE 2; the divisor nearest to it is 2"),
    ({"o_par": 0}, ValueError, "Results a beat must be a positive integer, not 0"),
    ({"tree_levels": -1}, ValueError, "Levels between registers must be a non-negative integer, not -1"),
])
def test_mvu_wrong(change, error, sentence):
    good = {"weights": np.ones((4, 6), dtype=int), "weight_kind": "binary", "activation": "ternary", "pe": 2, "simd": 3}
    with pytest.raises(error) as raised:
        MVU(**good | change)
    assert str(raised.value) == sentence


@pytest.mark.parametrize(("pe", "simd"), [(1, 2), (2, 6), (4, 18), (1, 54), (2, 9)])
def test_convolution(pe, simd):
    """Window and matrix-vector unit together make a convolution, at the rate of the slower one."""
    rng = np.random.default_rng(simd)
    weights, x = rng.choice([-1, 1], (4, 54)), rng.integers(-1, 2, (3, 6, 5, 6))
    window = SlidingWindow(shape=TRIT, height=6, width=5, channels=6, kernel=3, padding=1, simd=simd, repeat=4 // pe)
    unit = MVU(weights=weights, weight_kind="binary", activation="ternary", pe=pe, simd=simd)

    class Convolution(wiring.Component):
        def __init__(self):
            super().__init__({"i": wiring.In(window.i.signature.flip()), "o": wiring.Out(unit.o.signature)})

        def elaborate(self, platform):
            m = Module()
            m.submodules += [window, unit]
            connect(m, wiring.flipped(self.i), window.i)
            connect(m, window.o, unit.i)
            connect(m, unit.o, wiring.flipped(self.o))
            return m

    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    columns = np.stack([padded[:, y:y + 6, z:z + 5] for y in range(3) for z in range(3)], axis=3)  # (n, h, w, 9, c)
    results = (columns.reshape(-1, 54) @ weights.T).reshape(-1, pe)
    result = check(Convolution(), x.reshape(-1, math.gcd(simd, 6)), results)
    assert result.interval(len(results) // 3) == max(window.interval, 30 * unit.interval)
