"""Whole accelerators against the golden model: all node kinds, foldings and stalls; joins never deadlock."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from networks import chain, residual
from sim.golden import run as golden
from tbn_hw.accelerator import identifier, plan
from tbn_hw.errors import ModelRefused
from tbn_hw.folding import Folding, divisors, fold

sys.path.insert(0, str(Path(__file__).parent.parent / "hdl"))
from assembled import Assembled
from bench import beats, run


def pictures(net, count, seed=0):
    return np.random.default_rng(seed).integers(-128, 128, (count, *net.input.shape)).astype(np.int8)


def random_foldings(net, seed):
    """Any legal folding: every divisor is as likely."""
    rng = np.random.default_rng(seed)
    foldings = {}
    for node in net.nodes:
        channels = net.types[node.inputs[0]].channels
        if net.macs(node.name):
            mh = len(node.arrays["weights"])
            foldings[node.name] = Folding(int(rng.choice(divisors(mh))),
                                          int(rng.choice(divisors(node.arrays["weights"].size // mh))))
        elif node.kind == "pad_channels":
            common = np.gcd.reduce([channels, node.integer("before"), node.integer("after")])
            foldings[node.name] = Folding(int(rng.choice(divisors(int(common)))))
        else:
            foldings[node.name] = Folding(int(rng.choice(divisors(channels))))
    return foldings


def simulate(net, foldings, images, **options):
    accelerator = options.pop("accelerator", None) or plan(net, foldings)
    dut = Assembled(accelerator)
    link = accelerator.links[dut._sink]
    result = run(dut, {"i": beats(images, images.shape[-1])}, {"o": len(images) * link.beats}, limit=1_000_000, **options)
    logits = result.values["o"].reshape(len(images), -1)
    np.testing.assert_array_equal(logits, golden(net, images)[net.outputs[0]].reshape(len(images), -1))
    return result, accelerator, link


@pytest.mark.parametrize("make", [residual, chain])
def test_equals_golden(make):
    net = make()
    simulate(net, fold(net, {}), pictures(net, 3))


@pytest.mark.parametrize("make", [residual, chain])
@pytest.mark.parametrize("seed", range(4))
def test_equals_golden_for_any_folding_under_stalls(make, seed):
    net = make(seed)
    simulate(net, random_foldings(net, seed), pictures(net, 2, seed), stalls=0.3, seed=seed)


@pytest.mark.parametrize("make", [residual, chain])
def test_interval_is_that_of_the_slowest_engine(make):
    net = make()
    result, accelerator, link = simulate(net, fold(net, {}), pictures(net, 6))
    assert result.interval(link.beats) <= 1.05 * accelerator.interval


def test_identifier():
    assert identifier("layers[3].residual[1].body[2].conv") == "layers_3_residual_1_body_2_conv"


def test_plan_wrong():
    net = residual()
    clash = dataclasses.replace(net.nodes[0], name="input")
    assert clash.name == "input"
    renamed = [dataclasses.replace(node, name="a b" if index == 0 else node.name,
                                   inputs=tuple("a b" if t == net.nodes[0].name else t for t in node.inputs))
               for index, node in enumerate(net.nodes)]
    renamed[1] = dataclasses.replace(renamed[1], name="a-b")
    renamed[2:] = [dataclasses.replace(node, inputs=tuple("a-b" if t == net.nodes[1].name else t for t in node.inputs))
                   for node in renamed[2:]]
    clashing = dataclasses.replace(net, nodes=tuple(renamed))
    with pytest.raises(ModelRefused, match="two nodes share one Verilog name"):
        plan(clashing, fold(clashing, {}))
