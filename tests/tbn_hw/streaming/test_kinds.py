"""The entries of node kinds: they agree with their components, and a new kind needs only its entry."""

import numpy as np
import pytest
from support.assembled import Assembled
from support.bench import beats, run
from support.networks import Builder, chain, pictures, residual, shapes

from hdl.requantize import Requantize
from hdl.stream import payload_shape
from quantize import nodes
from quantize.tensor import Node, TensorType
from sim.golden import run as golden
from tbn_hw.costs.model import cost_model
from tbn_hw.report.figures import network_figures
from tbn_hw.shared.errors import ModelRefused
from tbn_hw.solver.options import Candidates
from tbn_hw.solver.problem import cheapest
from tbn_hw.streaming import kinds
from tbn_hw.streaming.design import StreamingDesign
from tbn_hw.streaming.folding import Folding, fold
from tbn_hw.streaming.kinds import KINDS, Job, kind_of
from tbn_hw.streaming.kinds.kind import Kind
from tbn_hw.streaming.plan import plan


def test_every_kind_of_a_network_has_an_entry():
    assert {name: len(kind.ports) for name, kind in KINDS.items()} == {
        name: kind.inputs for name, kind in nodes.KINDS.items()}


def test_kind_of_wrong():
    with pytest.raises(ModelRefused) as error:
        kind_of(Node("softmax", "layers[3].softmax", ("input",)))
    assert str(error.value) == "layers[3].softmax: the streaming architecture has no engine of kind 'softmax'"


@pytest.mark.parametrize("net", [chain(), residual(top_k=2), shapes()], ids=["chain", "residual", "shapes"])
def test_entries_describe_their_components(net):
    """The words that parts take and make, and the ports, are those of the components."""
    largest = {node.name: Folding(*kind_of(node).sizes(node, net.types[node.inputs[0]]).values()) for node in net.nodes}
    for foldings in (fold(net, {}), largest):
        for engine in plan(net, foldings).engines:
            if engine.node is None:
                continue
            node, kind = engine.node, kind_of(engine.node)
            parts = kind.parts(Job(node, engine.links, engine.folding))
            channels = engine.links[0].tensor.channels
            assert {payload_shape(getattr(parts[0], port)).length for port in kind.ports} == {
                kind.word(node, channels, engine.folding)}
            assert payload_shape(parts[-1].o).length == kind.made(node, engine.folding)
            assert tuple(engine.inputs) == kind.ports


class NegateKind(Kind):
    """-x, from a component that exists for another purpose."""

    group = "scale"

    def parts(self, job):
        minus, zero = -np.ones(job.link.tensor.channels, int), np.zeros(job.link.tensor.channels, int)
        return [Requantize(i_shape=job.link.shape, mult=minus, bias=zero, shift=0, lo=-127, hi=128, par=job.folding.pe,
                           pixels=job.pixels)]


def test_a_new_kind_needs_its_entry_alone(monkeypatch):
    """It is folded, planned, solved for, priced, reported and made. Its network equals one with opposite weights."""
    monkeypatch.setitem(nodes.KINDS, "negate", nodes.Kind(
        lambda node, inputs: TensorType(inputs[0].shape, "int", -127, 128)))
    monkeypatch.setitem(kinds.KINDS, "negate", NegateKind())
    builder = Builder((6, 6, 4))
    net = builder.network(builder.dense(builder.flatten(builder.threshold(builder.conv(
        builder.node("negate", ["input"]), 3, padding=0))), 5))
    model = cost_model("ecp5")
    found = cheapest(Candidates(net, fold(net, {}), model), 72, {})
    accelerator = plan(net, fold(net, {}) | dict(found.foldings))
    negate = next(engine for engine in accelerator.engines if engine.kind == "negate")
    assert negate.ideal_cycles == negate.cycles <= 72 and found.nodes["negate0"]["lut"] > 0
    assert model.engine(negate)["lut"] > 0
    assert network_figures(StreamingDesign(accelerator))["macs"] == sum(net.macs(node.name) for node in net.nodes)

    conv, threshold, _, dense = (node.arrays for node in net.nodes[1:])
    opposite = Builder((6, 6, 4))
    x = opposite.node("conv", ["input"], net.nodes[1].attrs, {"weights": -conv["weights"]})
    x = opposite.node("threshold", [x], net.nodes[2].attrs, threshold)
    expected = opposite.network(opposite.node("dense", [opposite.flatten(x)], net.nodes[4].attrs, dense))
    images, link = pictures(net, 2), accelerator.links[accelerator.streams[net.outputs[0]]]
    result = run(Assembled(accelerator), {"i": beats(images, 4)}, {"o": 2 * link.beats}, limit=10_000)
    np.testing.assert_array_equal(result.values["o"].reshape(2, -1),
                                  golden(expected, images)[expected.outputs[0]].reshape(2, -1))
