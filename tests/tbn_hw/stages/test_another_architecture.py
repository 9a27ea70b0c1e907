"""A build needs nothing of an architecture but a `Design`: a hand-written one goes through every stage."""

import io
import json
import re

import numpy as np
import pytest
from rich.console import Console
from support.tiny_design import TinyDesign

from tbn_hw.boards.top import for_target
from tbn_hw.options import Options
from tbn_hw.shared.errors import Mismatch
from tbn_hw.stages.gateware import compare
from tbn_hw.stages.generate import generate
from tbn_hw.stages.load import Loaded
from tbn_hw.stages.netlist_check import check_netlist
from tbn_hw.stages.planned import Planned
from tbn_hw.stages.report import report
from tbn_hw.stages.route import route
from tbn_hw.stages.site import Site
from tbn_hw.stages.synthesise import synthesise
from tbn_hw.stages.verify import verify
from tbn_hw.stages.workspace import Workspace
from tbn_hw.targets.catalogue import find_target


def build(folder, design):
    """Do every stage except place and route; returns the report and the printed text."""
    console = Console(file=io.StringIO(), width=200)
    site = Site(Options("tiny", find_target("ecp5-25k")), console, Workspace(folder))
    loaded = Loaded("tiny", design.network, None, seed=5)
    site.write("network.safetensors", design.network.to_bytes())
    planned = Planned(design, {}, None, None, "tiny", loaded.network_key)
    generated = generate(site, planned)
    verified = verify(site, loaded, planned, generated)
    synthesised = synthesise(site, planned, generated)
    netlist = check_netlist(site, planned, verified, synthesised)
    routed = route(site, planned, synthesised)
    return report(site, loaded, planned, verified, synthesised, netlist, routed), console.file.getvalue()


@pytest.mark.yosys
@pytest.mark.verilator
def test_every_stage(tmp_path):
    """The results equal the golden model's, also of the netlist, and the report has the figures of the one module."""
    found, said = build(tmp_path, TinyDesign())
    assert (found.verify.mismatches, found.verify.interval_cycles, found.dataflow.interval_cycles) == (0, 36, 36)
    assert found.verify.netlist.images == 3 and found.verify.netlist.mismatches == 0
    assert found.estimate is None and found.route.tool is None and found.accuracy.images is None
    assert found.synthesis.lut == sum(part.lut for part in found.synthesis.parts.values()) > 50
    assert [(layer.name, layer.kind, layer.lut, layer.lut_estimate) for layer in found.layers] == [
        ("mid", "conv", found.synthesis.lut, None), ("total", "dense", found.synthesis.lut, None)]
    assert found.synthesis.lanes == 4 and found.network.memory_saving == 32
    content = json.loads((tmp_path / "report.json").read_text())
    assert found.model_dump(by_alias=True) == content and "machine" in (tmp_path / "report.html").read_text()
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["machine"] == {"cycles_per_pixel": 3} and set(manifest["files"]) == {
        "network.safetensors", "rtl/tiny.v", "rom/mid.mem"}
    assert found.seeds.random_weights == manifest["random_weights_seed"] == 5
    assert "The weights are random (seed 5)" in (tmp_path / "report.html").read_text()
    assert re.search(r"weights\W+random: its classes mean nothing", said)
    assert "tiny on ecp5-25k" in said and all(f"{stage}: unchanged" not in said for stage in ("generate", "verify"))
    _, said = build(tmp_path, TinyDesign())
    assert all(f"{stage}: unchanged" in said for stage in ("generate", "verify", "synthesise", "netlist"))


@pytest.mark.yosys
@pytest.mark.verilator
def test_fault_is_named(tmp_path):
    """The first difference is in the stream that the design says where to find."""
    text = TinyDesign().top()
    assert "a - b" in text
    (tmp_path / "tiny.v").write_text(text.replace("a - b", "a - b - (a == 9'd100)"))
    images = np.full((2, 3, 4, 2), 60, np.uint8)
    images[1, 2, 1, 0] = 228
    with pytest.raises(Mismatch, match=r"^tiny: .* the first difference is in mid: image 1, pixel \(2, 1\), channel 0 "
                                       "must be 168, not 167"):
        compare(TinyDesign(), tmp_path / "tiny.v", images, tmp_path / "work", lambda *step: None)


@pytest.mark.yosys
def test_board():
    top, _ = for_target(TinyDesign(), find_target("icebreaker"), clock_mhz=24)
    assert top.name == "tiny__board" and "  tiny accelerator" in top.verilog
    identity = top.identity
    assert (identity.pixels, identity.pixel_bytes, identity.name) == (12, 2, "tiny")
    assert (identity.logits, identity.classes, identity.beat_bytes) == (2, 1, 9)
