# amaranth: UnusedElaboratable=no

import numpy as np
import pytest
from amaranth.hdl import signed
from support.bench import beats, run

from hdl.stream import TRIT
from hdl.width_converter import WidthConverter

WIDTHS = [(1, 1), (1, 2), (2, 1), (1, 7), (7, 1), (3, 6), (6, 3), (4, 6), (6, 4), (4, 3), (3, 5), (12, 12), (9, 15)]


@pytest.mark.parametrize(("i_par", "o_par"), WIDTHS)
@pytest.mark.parametrize("shape", [TRIT, signed(8)], ids=str)
def test_width_converter(i_par, o_par, shape):
    dut, groups = WidthConverter(shape=shape, i_par=i_par, o_par=o_par), 12
    x = np.random.default_rng(i_par).integers(-(1 << shape.width - 1), 1 << shape.width - 1, groups * dut.group)
    sent, expected = beats(x, i_par), beats(x, o_par)
    result = run(dut, {"i": sent}, {"o": len(expected)}, reset_at=13)
    np.testing.assert_array_equal(result.values["o"], expected)
    assert result.latency() == dut.latency
    assert result.interval(len(expected) // 2) == groups // 2 * dut.interval
    for seed, (into, out) in enumerate([(0, 0.5), (0.5, 0), (0.4, 0.4), (0.6, 0.6)]):
        result = run(dut, {"i": sent}, {"o": len(expected)}, input_stalls=into, output_stalls=out, seed=seed)
        np.testing.assert_array_equal(result.values["o"], expected)


@pytest.mark.parametrize(("i_par", "o_par", "error", "sentence"), [
    (0, 1, ValueError, "Input parallelism must be a positive integer, not 0"),
    (1, 1.5, TypeError, "Output parallelism must be a positive integer, not 1.5"),
])
def test_width_converter_wrong(i_par, o_par, error, sentence):
    with pytest.raises(error) as raised:
        WidthConverter(shape=TRIT, i_par=i_par, o_par=o_par)
    assert str(raised.value) == sentence
