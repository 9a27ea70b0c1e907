# amaranth: UnusedElaboratable=no

import re

import numpy as np
import pytest
from amaranth.hdl import signed
from support.bench import beats, run

from hdl.pad_channels import PadChannels
from hdl.stream import BINARY, TRIT

SHAPES = (  # channels, before, after, par
    (4, 2, 2, 1), (4, 2, 2, 2), (5, 0, 3, 1), (5, 3, 0, 1), (6, 3, 9, 3), (3, 0, 0, 3), (3, 0, 0, 1), (7, 7, 7, 7),
    (8, 4, 4, 4),
)


@pytest.mark.parametrize(("channels", "before", "after", "par"), SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_pad_channels(channels, before, after, par, seed):
    x = np.random.default_rng(seed).integers(-128, 128, (20, channels))
    y = np.pad(x, ((0, 0), (before, after)))
    dut = PadChannels(shape=signed(8), channels=channels, before=before, after=after, par=par)
    result = run(dut, {"i": beats(x, par)}, {"o": y.size // par}, seed=seed, reset_at=19,
                 input_stalls=(0, 0.6, 0.3)[seed], output_stalls=(0.6, 0, 0.3)[seed])
    assert (result.values["o"] == beats(y, par)).all()


@pytest.mark.parametrize(("channels", "before", "after", "par"), SHAPES)
def test_pad_channels_timing(channels, before, after, par):
    dut = PadChannels(shape=TRIT, channels=channels, before=before, after=after, par=par, pixels=10)
    pixel = (channels + before + after) // par
    result = run(dut, {"i": np.zeros((20 * channels // par, par))}, {"o": 20 * pixel})
    assert result.latency() == dut.latency
    assert result.interval(10 * pixel) == dut.interval


@pytest.mark.parametrize(("change", "error", "sentence"), (
    ({"shape": BINARY}, ValueError, "Element shape must be signed, not unsigned(1); binary has no zero"),
    ({"before": -2}, ValueError, "Channels before must be a non-negative integer, not -2"),
    ({"channels": 6, "par": 4}, ValueError, "Parallelism 4 must evenly divide channels 6"),
    ({"before": 3, "par": 2}, ValueError, "Parallelism 2 must evenly divide channels before 3"),
    ({"after": 3, "par": 2}, ValueError, "Parallelism 2 must evenly divide channels after 3"),
))
def test_pad_channels_wrong(change, error, sentence):
    good = {"shape": TRIT, "channels": 4, "before": 2, "after": 2, "par": 1}
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        PadChannels(**good | change)
