"""A fault in the gateware is found, and its place is named."""

import re

import numpy as np
import pytest
from support.networks import residual

from tbn_hw.shared.errors import Mismatch, ToolMissing
from tbn_hw.stages.verify import COCOTB_IMAGES, verify
from tbn_hw.streaming import generate
from tbn_hw.streaming.folding import fold
from tbn_hw.streaming.plan import plan


def nothing(*_):
    pass


@pytest.fixture(scope="module")
def design():
    accelerator = plan(net := residual(top_k=2), fold(net, {}))
    return accelerator, {accelerator.name: generate.top(accelerator), **generate.modules(accelerator, 2)}


def images(count=2):
    return np.random.default_rng(0).integers(0, 256, (count, 6, 6, 3), np.uint8)


@pytest.mark.yosys
@pytest.mark.verilator
def test_verilog_equals_golden(design, tmp_path):
    accelerator, modules = design
    (tmp_path / "net.v").write_text(generate.join(modules))
    figures = verify(accelerator, tmp_path / "net.v", images(), tmp_path / "work", nothing)
    assert figures["mismatches"] == 0 and figures["images"] == 2
    assert figures["outputs_compared"] == (3 + 2) * (5 + 2)
    assert figures["interval_cycles"] == accelerator.interval
    assert figures["latency_cycles"] > 0


@pytest.mark.yosys
def test_split_undoes_join(design):
    assert generate.split(generate.join(design[1])) == design[1]


@pytest.mark.yosys
@pytest.mark.verilator
def test_fault_is_named(design, tmp_path):
    """One weight of the second block's first convolution negated in the Verilog."""
    accelerator, modules = design
    victim = [engine for engine in accelerator.engines if engine.kind == "conv"][3]
    name = generate.module_name(accelerator, victim)
    text, count = re.subn(
        r"(weights\[0\] = \d+'h)([0-9a-f]+);", lambda m: f"{m[1]}{int(m[2], 16) ^ 1:x};", modules[name], count=1
    )
    assert count == 1
    (tmp_path / "net.v").write_text(generate.join({**modules, name: text}))
    with pytest.raises(
        Mismatch,
        match=rf"outputs differ from the golden model; the first difference is in "
        rf"{victim.node.name}: image 0, pixel \(\d, \d\), channel \d+ must be",
    ):
        verify(accelerator, tmp_path / "net.v", images(), tmp_path / "work", nothing)


@pytest.mark.yosys
@pytest.mark.verilator
def test_what_cannot_be_compiled_is_no_difference(design, tmp_path):
    (tmp_path / "net.v").write_text("module net(; endmodule")
    with pytest.raises(ToolMissing, match=r"^net: Verilog cannot be compiled: .*build\.log ends:"):
        verify(design[0], tmp_path / "net.v", images(), tmp_path / "work", nothing)


@pytest.mark.yosys
@pytest.mark.verilator
def test_deadlock_is_an_error(design, tmp_path):
    accelerator, modules = design
    victim = next(engine for engine in accelerator.engines if engine.kind == "add")
    top = modules[accelerator.name].replace(f".o__ready({victim.name}__ready)", ".o__ready(1'b0)")
    assert top != modules[accelerator.name]
    (tmp_path / "net.v").write_text(generate.join({**modules, accelerator.name: top}))
    with pytest.raises(Mismatch, match="no transfer|stopped|without"):
        verify(accelerator, tmp_path / "net.v", images(), tmp_path / "work", nothing)


@pytest.mark.yosys
@pytest.mark.verilator
@pytest.mark.slow
def test_many_pictures_go_through_both_benches(design, tmp_path):
    """A fault that the first pictures do not show is found in C++, and its place is named by cocotb."""
    accelerator, modules = design
    (tmp_path / "net.v").write_text(generate.join(modules))
    figures = verify(accelerator, tmp_path / "net.v", images(COCOTB_IMAGES + 20), tmp_path / "work", nothing)
    assert figures["images"] == COCOTB_IMAGES + 20 and figures["mismatches"] == 0
    assert figures["bench_images"] == {"cocotb": COCOTB_IMAGES, "c++": 20}
    assert figures["outputs_compared"] == (3 + COCOTB_IMAGES + 3 + 20) * (5 + 2)
    top = modules[accelerator.name]
    fault = ".s_axis_tdata(s_axis_tdata ^ {24{s_axis_tdata == 24'h7f7f7f}})"  # the one pixel that is white
    assert ".s_axis_tdata(s_axis_tdata)" in top
    text = top.replace(".s_axis_tdata(s_axis_tdata)", fault)
    (tmp_path / "net.v").write_text(generate.join({**modules, accelerator.name: text}))
    pictures = np.minimum(images(COCOTB_IMAGES + 20), 254)
    pictures[COCOTB_IMAGES + 7, 2, 3] = 255
    first = next(engine.node.name for engine in accelerator.engines if engine.kind == "conv")
    with pytest.raises(Mismatch, match=rf"outputs differ from the golden model; the first difference is in "
                       rf"{first}: image {COCOTB_IMAGES + 7}, pixel \(\d, \d\), channel \d+ must be"):
        verify(accelerator, tmp_path / "net.v", pictures, tmp_path / "work", nothing)
