"""The sweep of the cost models: random networks that are the same every time, and the fit to them."""

import json

import numpy as np
import pytest

from benchmarks import costs, costs_fit
from benchmarks.costs_networks import STYLES, engines, is_narrow, is_stem, is_unrolled, is_unrolled_binary, kinds
from tbn_hw.costs.features import pieces
from tbn_hw.costs.model import CostModel, Error, cost_model


@pytest.mark.parametrize("style", STYLES)
def test_networks_are_valid_and_repeat(style):
    """Planning refuses impossible networks. Equal seeds give equal engines."""
    for seed in range(4):
        found = engines(seed, "ecp5", style)
        assert found[0].kind == "axi_input" and found[-1].kind == "axi_output"
    assert repr(engines(1, "ecp5", style)) == repr(engines(1, "ecp5", style))


def test_wanted_engines():
    found = kinds({"conv": 2, "threshold": 1}, "ice40", 5, "plain")
    assert sorted(engine.kind for engine in found) == ["conv", "conv", "threshold"]
    assert all(is_unrolled(engine) for engine in kinds({"conv": 2}, "ecp5", 0, "unrolled"))
    assert all(is_unrolled_binary(engine) for engine in kinds({"conv": 2}, "ecp5", 0, "unrolled binary"))
    assert all(is_stem(engine) for engine in kinds({"conv": 2}, "ecp5", 0, "stem"))
    narrow = kinds({"threshold": 2}, "ecp5", 0, "narrow")
    assert all(is_narrow(engine) for engine in narrow)
    assert all({"table": len(engine.component().stages[-2].table[0]) * engine.folding.pe}.items()
               <= next(pieces(engine.component().stages[-2], "ecp5")).features.items() for engine in narrow)


def test_held_out_engines_are_others():
    fitted = {repr(engine) for engine in costs.sweep("ice40", "fitted") if engine.kind == "conv"}
    held_out = {repr(engine) for engine in costs.sweep("ice40", "held out") if engine.kind == "conv"}
    assert held_out and not fitted & held_out


def test_fit_finds_what_figures_were_made_of(monkeypatch):
    """Figures made from known coefficients give these back, and no error."""
    known = {"queue": 4.0, "queue bit": 1.25, "widener": 3.0, "widened bit": 0.5, "narrower": 2.0, "narrowed bit": 1.5,
             "last bit": 0.75, "widener counter bit": 1.0, "narrower counter bit": 2.5}
    rng, observed = np.random.default_rng(0), []
    for _ in range(60):
        features = {name: float(rng.integers(0, 40)) for name in known}
        figure = sum(known[name] * value for name, value in features.items())
        observed.append(("queues", features, {"lut": figure, "ff": 2 * figure}))
    monkeypatch.setattr(costs_fit, "observations", lambda engine, measured, family: [observed[engine]])
    forms = costs_fit.fit([(number, {}) for number in range(60)], "ecp5")
    assert forms["queues"]["lut"] == pytest.approx(known, rel=1e-3)
    assert forms["queues"]["ff"] == pytest.approx({name: 2 * value for name, value in known.items()}, rel=1e-3)


@pytest.mark.yosys
def test_measured_once(tmp_path, monkeypatch):
    """An engine is synthesised, its estimate is near, and the second time it is read."""
    engine = kinds({"threshold": 1}, "ecp5", 0, "plain")[0]
    (found,) = costs.measured([engine], "ecp5", tmp_path)
    forms = costs_fit.fit([(engine, found)], "ecp5")
    error = costs_fit.error(CostModel("ecp5", forms, Error(0, 0, 0, 0)), [(engine, found)])
    assert found["lut"] > 0 and error.worst_percent < 1
    monkeypatch.setattr(costs.synthesis, "synthesise", lambda *args, **more: pytest.fail("synthesised again"))
    assert costs.measured([engine], "ecp5", tmp_path) == [found]


def test_whole_networks(tmp_path, monkeypatch):
    """The networks' errors are written beside the coefficients, which stay as they are."""
    monkeypatch.setattr(costs, "COSTS", tmp_path)
    monkeypatch.setattr(costs, "NETWORKS", ("tbn_digits",))
    before = {"engines": 3, "error": {}, "networks": {"other": 1.0}, "forms": cost_model("ice40").forms}
    (tmp_path / "ice40.json").write_text(json.dumps(before))
    estimates = [cost_model("ice40").engine(engine)["lut"] for engine in costs.whole("tbn_digits", "ice40")]
    figures = [{"lut": lut / 1.02} for lut in estimates]
    monkeypatch.setattr(costs, "measured", lambda engines, family, store, step: figures)
    costs.main(["--networks", "--families", "ice40", "--folder", str(tmp_path / "store")])
    assert json.loads((tmp_path / "ice40.json").read_text()) == before | {"networks": {"tbn_digits": 2.0}}
