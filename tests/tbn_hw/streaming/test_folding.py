"""Folding: stated ones are taken; the others divide, and reach the aim with the fewest lanes."""

import numpy as np
import pytest

from quantize.network import Network, Node, TensorType
from tbn_hw.shared.errors import ModelRefused
from tbn_hw.streaming.folding import CYCLES_PER_PIXEL, Folding, divisors, fold
from tbn_hw.streaming.kinds import kind_of


def network(c_in=3, channels=16, size=8):
    weights = np.ones((channels, 3, 3, c_in), np.int8)
    thresholds = {"hi": np.ones(channels, np.int32), "lo": -np.ones(channels, np.int32)}
    return Network(
        "net",
        TensorType((size, size, c_in), "int", -128, 127),
        (
            Node(
                "conv",
                "conv",
                ("input",),
                {"kernel": 3, "stride": 1, "padding": 1, "weights": "binary"},
                {"weights": weights},
            ),
            Node("threshold", "trits", ("conv",), {"levels": "ternary"}, thresholds),
            Node("max_pool", "pool", ("trits",), {"kernel": 2, "stride": 2}),
            Node("flatten", "flat", ("pool",)),
            Node(
                "dense",
                "logits",
                ("flat",),
                {"weights": "binary"},
                {"weights": np.ones((10, channels * size**2 // 4), np.int8)},
            ),
        ),
        ("logits",),
    )


def cycles(net, name, folding):
    node = net.by_name[name]
    kind, x = kind_of(node), net.types[node.inputs[0]]
    return kind.ideal_cycles(node, x, net.types[name], folding, kind.word(node, x.channels, folding))


@pytest.mark.parametrize(("c_in", "channels", "size"), [(3, 16, 8), (1, 12, 8), (5, 7, 6), (2, 32, 16)])
def test_rule_reaches_its_aim_with_the_fewest_lanes(c_in, channels, size):
    net = network(c_in, channels, size)
    aim = CYCLES_PER_PIXEL * size * size
    for name, folding in fold(net, {}).items():
        assert cycles(net, name, folding) <= aim
        if net.macs(name):
            mw = net.by_name[name].arrays["weights"].size // channels if name == "conv" else channels * size**2 // 4
            mh = channels if name == "conv" else 10
            assert mh % folding.pe == 0 and mw % folding.simd == 0
            x = net.types[net.by_name[name].inputs[0]].channels
            for pe in divisors(mh):
                for simd in divisors(mw):
                    if x % simd == 0 and pe * simd < folding.lanes:
                        assert cycles(net, name, Folding(pe, simd)) > aim


def test_stated_folding_is_taken():
    foldings = fold(network(), {"conv": (4, 9), "pool": (8, 1)})
    assert foldings["conv"] == Folding(4, 9)
    assert foldings["pool"] == Folding(8)


def test_fold_wrong():
    for stated, sentence in [
        ({"conv": (5, 1)}, "conv: PE 5 must evenly divide matrix height 16; divisors near it are 2, 4, 8"),
        ({"conv": (1, 4)}, "conv: SIMD 4 must evenly divide matrix width 27; divisors near it are 1, 3, 9"),
        ({"conv": (0, 1)}, "conv: PE 0 must evenly divide matrix height 16; divisors near it are 1, 2, 4"),
        ({"cnov": (1, 1)}, "cnov: a folding is stated for what is no node of net"),
        ({"flat": (1, 1)}, "flat: a flatten has no engine to fold"),
        ({"pool": (3, 1)}, "pool: PE 3 must evenly divide channels 16; divisors near it are 1, 2, 4"),
        ({"trits": (4, 2)}, "trits: SIMD of a threshold must be 1, not 2"),
    ]:
        with pytest.raises(ModelRefused) as error:
            fold(network(), stated)
        assert str(error.value) == sentence
