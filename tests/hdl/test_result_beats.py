# amaranth: UnusedElaboratable=no

import re

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.lib import wiring
from support.bench import run

from hdl.result_beats import ResultBeats
from hdl.stream import Signature


class Loaded(wiring.Component):
    """A `ResultBeats` that loads each beat of `i`: the sums, and then the correction as one more element."""

    def __init__(self, beats, pe, width):
        self._beats, self._pe, self._width = beats, pe, width
        super().__init__({"i": wiring.In(Signature(signed(width), pe + 1)), "o": wiring.Out(beats.o.signature)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.beats = beats = self._beats
        free = Signal(init=1)
        m.d.sync += free.eq(~beats.full)
        m.d.comb += [
            self.i.ready.eq(free), beats.load.eq(self.i.valid & self.i.ready),
            beats.sums.eq(self.i.payload.as_value()[:self._pe * self._width]),
            beats.correction.eq(self.i.payload[self._pe]),
        ]
        wiring.connect(m, wiring.flipped(self.o), beats.o)
        return m


@pytest.mark.parametrize(("pe", "par"), [(1, 1), (6, 1), (6, 2), (6, 3), (6, 6), (16, 4)])
@pytest.mark.parametrize("correction_shape", [signed(5), unsigned(4)], ids=str)
def test_result_beats(pe, par, correction_shape):
    rng, loads = np.random.default_rng(pe * par), 20
    low = -8 if correction_shape.signed else 0
    sums, corrections = rng.integers(-100, 100, (loads, pe)), rng.integers(low, 8, (loads, 1))
    dut = Loaded(ResultBeats(width=8, correction_shape=correction_shape, pe=pe, par=par), pe, 8)
    sent, expected = np.hstack([sums, corrections]), (sums + corrections).reshape(-1, par)
    result = run(dut, {"i": sent}, {"o": len(expected)}, reset_at=17)
    np.testing.assert_array_equal(result.values["o"], expected)
    assert result.latency() == 2
    assert result.interval(pe // par) == pe // par
    result = run(dut, {"i": sent}, {"o": len(expected)}, input_stalls=0.4, output_stalls=0.4, seed=pe)
    np.testing.assert_array_equal(result.values["o"], expected)


@pytest.mark.parametrize(("change", "error", "sentence"), [
    ({"width": 0}, ValueError, "Result width must be a positive integer, not 0"),
    ({"pe": 1.5}, TypeError, "PE must be a positive integer, not 1.5"),
    ({"par": 4}, ValueError, "Results a beat 4 must evenly divide PE 6; divisors near it are 3 and 6"),
])
def test_result_beats_wrong(change, error, sentence):
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        ResultBeats(**{"width": 8, "correction_shape": signed(4), "pe": 6, "par": 2} | change)
