"""The dataflow in a report: every stream of the accelerator once, every frame whole on each, shapes of the nodes."""

import json

import pytest
from support.networks import chain, residual

from tbn_hw.report.dataflow import dataflow, shapes
from tbn_hw.streaming.design import StreamingDesign
from tbn_hw.streaming.folding import fold


@pytest.mark.parametrize("make", [residual, chain])
def test_dataflow(make):
    net = make()
    flow = dataflow(StreamingDesign.of(net, fold(net, {})))
    assert json.loads(json.dumps(flow)) == flow
    names = [engine["name"] for engine in flow["engines"]]
    assert names[0] == "axi_input" and names[-1] == "axi_output" and len(set(names)) == len(names)
    assert [engine["node"] for engine in flow["engines"] if engine["node"]] == [
        node.name for node in net.nodes if node.kind != "flatten"
    ]
    for link in flow["links"]:
        assert names.index(link["from"]) < names.index(link["to"]), "engines stand in the order of the data"
    for engine in flow["engines"]:
        into = [link for link in flow["links"] if link["to"] == engine["name"]]
        out = [link for link in flow["links"] if link["from"] == engine["name"]]
        assert len(into) == {"axi_input": 0, "add": 2}.get(engine["kind"], 1)
        assert bool(out) == (engine["name"] != "axi_output")
        assert (engine["depth"] is not None) == (engine["kind"] == "queue")
        assert engine["kind"] != "fork" or len(out) > 1
        if engine["node"]:
            assert all(link["elements"] * link["beats"] == net.types[engine["node"]].size for link in out)
    assert flow["interval_cycles"] == max(engine["cycles"] or 0 for engine in flow["engines"])


def test_shapes():
    net = residual()
    found = {node.name: shapes(net, node.name) for node in net.nodes}
    assert found["conv0"] == {"input_shape": [6, 6, 3], "shape": [6, 6, 2], "kernel": 3, "stride": 1,
                              "weights": "int8", "macs": 6 * 6 * 3 * 3 * 3 * 2}
    assert sum(shape["macs"] for shape in found.values()) == sum(net.macs(node.name) for node in net.nodes)
    assert {name for name, shape in found.items() if shape["weights"]} == {n.name for n in net.nodes if n.arrays.get(
        "weights") is not None}
