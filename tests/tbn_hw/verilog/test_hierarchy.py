"""Modules of Amaranth's Verilog: equal ones are merged, parts named, memory images apart, and the accounts add up."""

import re

import pytest
from support.networks import chain, residual

from hdl.add import Add
from hdl.avg_pool import AvgPool
from hdl.constant.mvu import ConstantMVU
from hdl.max_pool import MaxPool
from hdl.mvu import MVU
from hdl.pad_channels import PadChannels
from hdl.requantize import Requantize
from hdl.sliding_window import SlidingWindow
from hdl.stream_queue import Queue
from hdl.threshold import Threshold
from hdl.top_k import TopK
from hdl.width_converter import WidthConverter
from tbn_hw.netlists.synthesis import synthesise
from tbn_hw.streaming import generate
from tbn_hw.streaming.folding import Folding, fold
from tbn_hw.streaming.plan import plan
from tbn_hw.verilog.hierarchy import PARTS, kept, memories_apart, merged, modules, part_of, stage_name

TWINS = """/* head */

module top(input a, output [2:0] y);
  \\top.x  x (.a(a), .y(y[0]));
  \\top.z  z (.a(a), .y(y[1]));
  \\top.other  other (.a(a), .y(y[2]));
endmodule
module \\top.x (input a, output y);
  \\top.x.leaf  leaf (.a(a), .y(y));
endmodule
module \\top.x.leaf (input a, output y);
  assign y = ~a;
endmodule
module \\top.z (input a, output y);
  \\top.z.leaf  leaf (.a(a), .y(y));
endmodule
module \\top.z.leaf (input a, output y);
  assign y = ~a;
endmodule
module \\top.other (input a, output y);
  assign y = a;
endmodule
"""
ROM = """module rom(input clk, input [1:0] a, output reg [8:0] q);
  reg [8:0] weights [3:0];
  initial begin
    weights[0] = 9'h1ff;
    weights[1] = 9'd16;
    weights[2] = 9'h000;
    weights[3] = 9'h0a5;
  end
  always @(posedge clk) q <= weights[a];
endmodule
"""


@pytest.fixture(scope="module")
def engine():
    """The Verilog of a convolution whose processing elements are equal."""
    network = chain()
    name = [node.name for node in network.nodes if node.kind == "conv"][-1]
    weights = network.by_name[name].arrays["weights"]
    accelerator = plan(network, fold(network, {name: (len(weights) // 2, 3)}))
    found = next(engine for engine in accelerator.engines if engine.name == name)
    return "engine", generate.module("engine", found), len(weights) // 2


def test_merged():
    text = merged(TWINS)
    assert list(modules(text)) == ["top", "top.x", "top.x.leaf", "top.other"]
    assert text.startswith("/* head */")
    assert re.findall(r"\\top\.x  (\w+) ", text) == ["x", "z"]
    assert merged(text) == text


@pytest.mark.yosys
def test_merged_engine(engine):
    name, text, pe = engine
    assert pe > 1
    assert [module for module in modules(text) if ".pe" in module] == ["engine.1_mvu.pe0"]
    assert len(re.findall(r"^  \\engine\.1_mvu\.pe0  pe\d+ \(", text, re.MULTILINE)) == pe


@pytest.mark.yosys
def test_kept(engine):
    name, text, _ = engine
    paths = [module.removeprefix("engine.") for module in kept(text, name)]
    assert [part_of(path) for path in ("1_mvu.pe0", "1_mvu", "0_slidingwindow", "1_mvu.results.pair")] == [
        "products", "accumulators", "windows", "queues"]
    assert {"1_mvu.pe0", "1_mvu", "0_slidingwindow", "1_mvu.results.pair"} <= set(paths)
    assert "0_slidingwindow.control" not in paths
    assert "engine.1_mvu.pe0" not in kept(text.replace("weights", "gone"), name), "constants are flattened"


def test_parts_of_components():
    """Parts of every class of components of an engine, and of modules inside a component or a join."""
    parts = {}
    for net in (chain(), residual(top_k=2)):
        unrolled = {node.name: Folding(len(weights), weights.size // len(weights)) for node in net.nodes
                    if "weights" in node.arrays for weights in [node.arrays["weights"]]}
        for foldings in (fold(net, {}), fold(net, {}) | unrolled):
            for engine in plan(net, foldings).engines:
                stages = enumerate(getattr(engine.component(), "stages", ()))
                parts |= {type(stage): part_of(stage_name(index, stage)) for index, stage in stages}
    assert parts == {
        SlidingWindow: "windows", MVU: "accumulators", ConstantMVU: "products", Threshold: "thresholds",
        Requantize: "requantize", Queue: "queues", WidthConverter: "queues",
        **dict.fromkeys((Add, AvgPool, MaxPool, PadChannels, TopK), "other")}
    assert {path: part_of(path) for path in ("0_mvu.pe12", "1_mvu.shared", "1_mvu.starts", "a_widthconverter", "core",
                                             "queue", "1_threshold.rom", "top")} == {
        "0_mvu.pe12": "products", "1_mvu.shared": "products", "1_mvu.starts": "weights", "a_widthconverter": "queues",
        "core": "other", "queue": "queues", "1_threshold.rom": None, "top": None}


def test_memories_apart():
    text, files = memories_apart(ROM)
    ((path, image),) = files.items()
    assert image.split() == ["1ff", "10", "000", "0a5"]
    assert f'initial $readmemh("{path}", weights);' in text and "9'h0a5" not in text
    short = ROM.replace("    weights[3] = 9'h0a5;\n", "")
    assert memories_apart(short) == (short, {})


@pytest.mark.yosys
def test_memories_apart_synthesise_alike(tmp_path, monkeypatch):
    apart = synthesise({"rom": ROM}, "ecp5", tmp_path, 1)
    monkeypatch.setattr("tbn_hw.netlists.store.memories_apart", lambda text: (text, {}))
    assert synthesise({"rom": ROM}, "ecp5", tmp_path, 1)["modules"]["rom"]["cells"] == apart["modules"]["rom"]["cells"]


@pytest.mark.yosys
def test_parts_add_up(engine, tmp_path):
    """Every LUT of a module is in one of its parts, and to keep them apart costs almost nothing."""
    name, text, _ = engine
    apart = synthesise({name: text}, "ecp5", tmp_path, 1)["modules"][name]
    assert {"products", "accumulators", "windows", "queues"} <= set(apart["parts"]) <= set(PARTS)
    for figure in ("lut", "ff", "bram", "dsp"):
        assert sum(part[figure] for part in apart["parts"].values()) == apart[figure]
    flat = synthesise({name: text.replace(f"\\{name}.", f"\\{name}_")}, "ecp5", tmp_path, 1)["modules"][name]
    assert set(flat["parts"]) == {"other"}
    assert flat["ff"] == apart["ff"] and 0.95 < apart["lut"] / flat["lut"] < 1.05


@pytest.mark.yosys
def test_fold_of_constants():
    """A layer keeps its processing elements apart, unless it is fully unrolled: then its weights are constants."""
    network = chain()
    node = next(node for node in network.nodes if node.kind == "dense")
    mh, mw = node.arrays["weights"].shape

    def elements(folding):
        accelerator = plan(network, fold(network, {}) | {node.name: folding})
        engine = next(engine for engine in accelerator.engines if engine.name == node.name)
        return [module for module in kept(generate.module("dense", engine), "dense") if ".pe" in module]

    assert elements(Folding(mh, mw // 2)) and not elements(Folding(mh, mw))
