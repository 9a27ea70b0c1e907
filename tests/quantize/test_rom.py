"""Weight ROM images: every weight is at its place."""

import numpy as np
import pytest

from quantize.rom import mem_text, pack


@pytest.mark.parametrize(("pe", "simd"), [(pe, simd) for pe in (1, 2, 3, 6) for simd in (1, 2, 5, 10)])
@pytest.mark.parametrize("bits", [1, 8])
def test_pack_places_every_weight(pe, simd, bits):
    rng = np.random.default_rng(pe * 100 + simd)
    weights = rng.choice([-1, 1], (6, 10)) if bits == 1 else rng.integers(-128, 128, (6, 10))
    rows = pack(weights, pe, simd, bits)
    assert len(rows) == 60 // (pe * simd)
    for neuron in range(6):
        for column in range(10):
            row = rows[neuron // pe * (10 // simd) + column // simd]
            element = (neuron % pe) * simd + column % simd
            code = row >> (element * bits) & ((1 << bits) - 1)
            assert code == (weights[neuron, column] < 0 if bits == 1 else weights[neuron, column] & 0xff)


def test_pack_wrong():
    weights = np.ones((6, 10), int)
    for arguments, sentence in [((4, 1), "PE 4 must evenly divide matrix height 6"),
                                ((1, 3), "SIMD 3 must evenly divide matrix width 10")]:
        with pytest.raises(ValueError, match=sentence):
            pack(weights, *arguments)
    with pytest.raises(ValueError, match=r"binary weights must be -1 or \+1"):
        pack(0 * weights, 1, 1)
    with pytest.raises(ValueError, match="weights must fit 8 bits, their range is 300 to 300"):
        pack(300 * weights, 1, 1, 8)


def test_mem_text():
    assert mem_text([0, 10, 255], 9) == "000\n00a\n0ff\n"
