"""Plans of constant layers: evaluated against NumPy without any tool, and their cost."""

import numpy as np
import pytest

from hdl.constant.compress import Adder, Style
from hdl.constant.logic import PASS, carry_rows, cost
from hdl.constant.netlist import Netlist, evaluate, real, values_of
from hdl.constant.plan import block, front


def numbers(bits, known):
    return sum(values_of(bit, known).astype(np.int64) << weight for weight, bit in bits)


@pytest.mark.parametrize("family", ["ecp5", "gowin", "ice40", "xc7"])
@pytest.mark.parametrize("least", [1, 2])
@pytest.mark.parametrize("seed", range(12))
def test_adder(family, least, seed):
    """Columns of any height are reduced to one bit, or to at most two."""
    rng = np.random.default_rng(seed)
    heights = rng.integers(0, 9, 4).tolist()
    netlist = Netlist(sum(heights), 6 if family == "xc7" else 4)
    signals = iter(range(sum(heights)))
    columns = [[real(next(signals)) for _ in range(height)] for height in heights]
    values = rng.integers(0, 2, (sum(heights), 200)).astype(bool)
    weights = np.repeat(np.arange(4), heights)
    sums = Adder(netlist, Style(family, seed % 4), 7, least).add(columns)
    assert all(len(bits) <= least for bits in sums)
    known = evaluate(netlist, values)
    found = numbers([(weight, bit) for weight, bits in enumerate(sums) for bit in bits], known)
    np.testing.assert_array_equal(found, (values.T.astype(np.int64) << weights).sum(axis=1))


@pytest.mark.parametrize("family, most", [("ecp5", 0.95), ("gowin", 1.05), ("ice40", 1.05), ("xc7", 0.7)])
def test_random_layer(family, most):
    """Cells a weight of a 64x64 layer, and its results."""
    rng = np.random.default_rng(0)
    weights, x = rng.choice([-1, 1], (64, 64)), rng.integers(-1, 2, (64, 100))
    tables = front(64, True, 6 if family == "xc7" else 4)
    rows = block(tables, weights, np.zeros(64, dtype=np.int64), 8, Style(family, 3))
    lanes = np.stack([x != 0, x < 0], axis=1).reshape(128, -1)
    known = evaluate(rows.netlist, evaluate(tables.netlist, lanes)[rows.inputs])
    found = np.stack([numbers(list(enumerate(bits)), known) for bits in rows.outputs])
    np.testing.assert_array_equal(found, weights @ x % 256)
    assert cost(tables.netlist, 3) + cost(rows.netlist, 3) <= most * weights.size
    for _, halves in carry_rows(rows.netlist, 3):
        assert len(halves) % 2 == 0
        for first, second in zip(halves[::2], halves[1::2], strict=True):
            assert PASS in (first, second) or second.level <= first.level
