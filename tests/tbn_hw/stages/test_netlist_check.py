"""The netlist that place and route gets equals the golden model, and one wrong table in it is found."""

import re

import numpy as np
import pytest
from support.networks import chain

from tbn_hw.netlists.synthesis import synthesise
from tbn_hw.shared.errors import Mismatch
from tbn_hw.stages.netlist_check import IMAGES, MOST_LUTS, SEVERAL_LUTS, affordable, check
from tbn_hw.streaming import generate
from tbn_hw.streaming.folding import fold
from tbn_hw.streaming.plan import plan


def nothing(*_):
    pass


def images(net, count=IMAGES):
    return np.random.default_rng(0).integers(0, 256, (count, *net.input.shape), np.uint8)


@pytest.mark.yosys
@pytest.mark.verilator
@pytest.mark.slow
@pytest.mark.parametrize("family", ["ecp5", "gowin"])
def test_netlist_equals_golden_and_a_mutant_does_not(family, tmp_path):
    accelerator = plan(net := chain(), fold(net, {}), family)
    modules = {accelerator.name: generate.top(accelerator), **generate.modules(accelerator, 2)}
    luts = synthesise(modules, family, tmp_path, 2, top=accelerator.name)["total"]["lut"]
    netlists = sorted(tmp_path.glob("*.v"))
    found = check(accelerator, netlists, family, luts, images(net), tmp_path / "work", nothing)
    outputs = found["outputs_compared"]
    assert (found["images"], found["mismatches"], found["skipped"]) == (IMAGES, 0, None)
    assert outputs and outputs % IMAGES == 0 and found["simulator"].startswith("Verilator 5.")
    classifier = [engine for engine in accelerator.engines if engine.kind in ("conv", "dense")][-1]
    file = tmp_path / f"{generate.module_name(accelerator, classifier)}.v"
    text = file.read_text()
    table = re.search(r"LUT4 #\(\n    \.INIT\(16'h([0-9a-f]{4})\)", text)
    place, value = table.span(1), int(table[1], 16)
    file.write_text(f"{text[:place[0]]}{value ^ 0xFFFF:04x}{text[place[1]:]}")
    with pytest.raises(Mismatch, match=rf"^{accelerator.name}, netlist: "):
        check(accelerator, netlists, family, luts, images(net), tmp_path / "work", nothing)


def test_what_is_affordable():
    assert affordable(0) == affordable(SEVERAL_LUTS) == IMAGES
    assert affordable(SEVERAL_LUTS + 1) == affordable(MOST_LUTS) == 1
    assert affordable(MOST_LUTS + 1) == 0


@pytest.mark.yosys
def test_skipped_with_a_reason(tmp_path):
    accelerator = plan(net := chain(), fold(net, {}))
    skipped = {"images": 0, "outputs_compared": 0, "mismatches": None, "simulator": None}
    assert check(accelerator, [], "ecp5", 70_000, images(net), tmp_path, nothing) == {
        **skipped, "skipped": "70,000 LUTs are more than 60,000, whose simulation would take too long"}
    assert check(accelerator, [], "ecp6", 4, images(net), tmp_path, nothing) == {
        **skipped, "skipped": "there are no simulation models of ecp6's cells"}
    top = f"module {accelerator.name}(input aclk, output y); MULT36X36 product(.CLK(aclk), .DOUT(y)); endmodule"
    (tmp_path / "top.v").write_text(top)
    found = check(accelerator, [tmp_path / "top.v"], "gowin", 4, images(net), tmp_path / "work", nothing)
    assert found == {**skipped, "skipped": "there is no simulation model of MULT36X36"}
