"""Cost models: their stored error, and estimates against real syntheses of engines outside the sweep."""

import pytest
from support.networks import chain, residual, shapes

from tbn_hw.costs.features import pieces
from tbn_hw.costs.memory import blocks, distinct_columns, ram, random_rom
from tbn_hw.costs.model import cost_model
from tbn_hw.families.registry import FAMILIES
from tbn_hw.netlists.synthesis import synthesise
from tbn_hw.streaming import generate
from tbn_hw.streaming.folding import fold
from tbn_hw.streaming.plan import plan


@pytest.mark.parametrize("family", FAMILIES)
def test_stored_error_is_small(family):
    """The error in the data files, which is that of engines outside the sweep."""
    error = cost_model(family).error
    assert error.engines >= 15
    assert 0 < error.median_percent <= 10 and error.worst_percent <= 20 and error.total_percent <= 10
    assert all(abs(percent) <= 10 for percent in cost_model(family).networks.values())


@pytest.mark.yosys
@pytest.mark.slow
@pytest.mark.parametrize(("family", "net"), [("ecp5", chain(7)), ("ice40", residual(8))], ids=["ecp5", "ice40"])
def test_estimates_of_unseen_networks(family, net, tmp_path):
    """The LUTs of a whole network are right to 10 %, and its block RAMs and multipliers to one."""
    accelerator, model = plan(net, fold(net, {}), family), cost_model(family)
    texts = {engine.name: generate.module(engine.name, engine) for engine in accelerator.engines}
    found = synthesise(texts, family, tmp_path)["modules"]
    estimates = {engine.name: model.engine(engine) for engine in accelerator.engines}
    total = {name: (sum(figures[name] for figures in estimates.values()),
                    sum(figures[name] for figures in found.values())) for name in ("lut", "bram", "dsp")}
    assert total["lut"][0] == pytest.approx(total["lut"][1], rel=0.1)
    assert abs(total["bram"][0] - total["bram"][1]) <= 1 and abs(total["dsp"][0] - total["dsp"][1]) <= 1
    missed = sorted(abs(estimates[name]["lut"] / found[name]["lut"] - 1) for name in texts)
    assert missed[len(missed) // 2] <= 0.1


@pytest.mark.parametrize("net", [chain(1), residual(2), shapes(3)], ids=["chain", "residual", "shapes"])
def test_every_engine_has_a_model(net):
    for family in FAMILIES:
        model = cost_model(family)
        for engine in plan(net, fold(net, {}), family).engines:
            figures = model.engine(engine)
            assert figures["lut"] > 0 and figures["ff"] > 0, engine.name
            for piece in pieces(engine.component(), family):
                assert {name for name, number in piece.features.items() if number} <= set(model.forms[piece.form]["ff"])


def test_memories():
    """Layouts that Yosys was seen to choose, among them banks of rows side by side in the width of a block."""
    assert blocks(2304, 128, "ecp5")[0] == 18
    assert blocks(18432, 32, "ecp5")[0] == 32
    assert blocks(32768, 8, "ecp5")[0] == 15
    assert blocks(256, 16, "ice40") == (1, 0)
    assert blocks(512, 36, "xc7") == (0.5, 0)
    assert ram(16, 4, "ecp5") == (6, 0, 0)  # one TRELLIS_DPR16X4
    assert ram(16, 4, "gowin") == (4, 0, 0)  # one RAM16SDP4
    assert ram(224, 18, "ecp5")[2] == 1
    assert ram(8, 8, "ecp5", asked=True) == (0, 0, 1)
    assert ram(4, 3, "ice40") == (12, 12, 0)  # flip-flops: there is no LUT RAM


def test_random_roms():
    assert random_rom(1, 100, "ecp5", "auto") == (0, 0)
    assert random_rom(1024, 18, "ecp5", "block")[0] == 1
    assert random_rom(16, 8, "ecp5", "logic") == (0, pytest.approx(8, abs=0.1))
    assert distinct_columns(2, 1000) == pytest.approx(2, abs=1e-6)
    assert distinct_columns(64, 7) == 7
