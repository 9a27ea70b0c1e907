"""The Verilog of one engine of each kind, in cocotb: golden outputs under many stall patterns, and after a reset.

The kinds are those of KINDS. Amaranth's own simulator is faster for small things; in tests/hdl it covers shapes and
foldings.
"""

import pytest
from support.networks import chain, pictures, residual

from sim.bench import PRIMITIVES, pack, simulate_component
from sim.golden import run as golden
from tbn_hw.streaming import generate
from tbn_hw.streaming.folding import Folding, fold
from tbn_hw.streaming.plan import plan

pytestmark = [pytest.mark.yosys, pytest.mark.verilator]

KINDS = ("conv", "threshold", "requantize", "add", "avg_pool", "pad_channels", "dense", "top_k", "max_pool")


@pytest.fixture(scope="module")
def engines():
    """The last engine of each kind, with its Verilog and its network."""
    found = {}
    for net in (chain(), residual(top_k=2)):
        accelerator = plan(net, fold(net, {}))
        found |= {engine.kind: (net, accelerator, engine) for engine in accelerator.engines if engine.node}
    return found


def stream(net, tensors, tensor, link):
    encoding = "binary" if net.types[tensor].kind == "binary" else "signed"
    return pack(tensors[tensor], link.par, link.shape.width, encoding)


@pytest.mark.parametrize("kind", KINDS)
def test_verilog_of_an_engine(engines, kind, tmp_path):
    net, accelerator, engine = engines[kind]
    name = generate.module_name(accelerator, engine)
    (tmp_path / "engine.v").write_text(generate.module(name, engine))
    tensors = golden(net, pictures(net, 3), keep=list(net.types))
    inputs = {port: stream(net, tensors, tensor, link)
              for port, tensor, link in zip(engine.inputs, engine.node.inputs, engine.links, strict=True)}
    outputs = {"o": stream(net, tensors, engine.node.name, accelerator.links[engine.outputs["o"]])}
    plain = simulate_component([tmp_path / "engine.v"], name, inputs, outputs, work=tmp_path / "work", frames=3)
    assert plain.mismatches == 0
    assert plain.interval_cycles <= max(1.02 * engine.ideal_cycles, engine.ideal_cycles + 1)
    stalled = simulate_component([tmp_path / "engine.v"], name, inputs, outputs, work=tmp_path / "work", frames=3,
                                 stalls=0.4, patterns=20)
    assert stalled.mismatches == 0
    again = simulate_component([tmp_path / "engine.v"], name, inputs, outputs, work=tmp_path / "work", frames=3,
                               reset_after=len(inputs[min(inputs)]) // 2)
    assert again.mismatches == 0


@pytest.mark.parametrize("family", ["ecp5", "gowin", "ice40", "xc7"])
@pytest.mark.parametrize("unrolled", [False, True])
def test_verilog_of_a_family(family, unrolled, tmp_path):
    """A convolution of ternary activations in a family's own cells, with weights in ROMs and in the logic."""
    net = residual()
    foldings = fold(net, {})
    if unrolled:
        foldings |= {node.name: Folding(len(weights), weights.size // len(weights)) for node in net.nodes
                     if node.kind == "conv" for weights in [node.arrays["weights"]]}
    accelerator = plan(net, foldings, family)
    engine = next(engine for engine in accelerator.engines
                  if engine.kind == "conv" and net.types[engine.node.inputs[0]].kind == "ternary")
    text = generate.module("engine", engine)
    assert ("constantmvu" in text) == unrolled
    (tmp_path / "engine.v").write_text(text)
    tensors = golden(net, pictures(net, 3), keep=list(net.types))
    inputs = {"i": stream(net, tensors, engine.node.inputs[0], engine.links[0])}
    outputs = {"o": stream(net, tensors, engine.node.name, accelerator.links[engine.outputs["o"]])}
    found = simulate_component([tmp_path / "engine.v", PRIMITIVES], "engine", inputs, outputs, work=tmp_path / "work",
                               frames=3, stalls=0.4, patterns=5)
    assert found.mismatches == 0
