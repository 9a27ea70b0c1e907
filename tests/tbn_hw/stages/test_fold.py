"""The fold stage: the folding for a command line, its messages, and the clock that a rate needs."""

import io

import pytest
from rich.console import Console
from support.networks import Builder

from tbn_hw.boards.route import route_board
from tbn_hw.costs.model import cost_model
from tbn_hw.options import Cheapest, Fastest, Options
from tbn_hw.routing.route import Placeable
from tbn_hw.shared.errors import DoesNotFit
from tbn_hw.stages.fold import choose_foldings, estimate, required_mhz, totals
from tbn_hw.stages.load import load
from tbn_hw.streaming.design import StreamingDesign
from tbn_hw.streaming.folding import fold
from tbn_hw.streaming.plan import plan
from tbn_hw.targets.catalogue import find_target

DIGITS = load("tbn_digits.yaml", None)


def options(target, **changed):
    return Options("tbn_digits.yaml", find_target(target), **changed)


def chosen(*arguments, **changed):
    """The accelerator of the folding for a command line, and the printed text."""
    given, text = options(*arguments, **changed), io.StringIO()
    console = Console(file=text, width=500)
    accelerator = plan(DIGITS.network, choose_foldings(DIGITS, given, console), given.target.family)
    estimate(accelerator, given, console)
    return accelerator, text.getvalue()


@pytest.mark.parametrize("target", ["ice40-hx8k", "ecp5", "xc7a35t"])
def test_the_model_files_folding_where_it_fits(target):
    accelerator, said = chosen(target)
    stated = plan(DIGITS.network, fold(DIGITS.network, DIGITS.foldings), accelerator.engines[1].family)
    assert [engine.folding for engine in accelerator.engines] == [engine.folding for engine in stated.engines]
    assert "another one" not in said


def test_another_folding_where_the_model_files_does_not_fit():
    accelerator, said = chosen("icebreaker")
    assert said.startswith("fold: the model file's folding takes about 3,")
    assert "LUTs of them in layers[3].conv; another one is looked for" in said
    fastest, _ = chosen("icebreaker", rate=Fastest())
    assert accelerator == fastest


def test_a_rate_is_reached_and_no_more_is_spent():
    slow, said = chosen("icebreaker", rate=Cheapest(2000))
    fast, _ = chosen("icebreaker", rate=Fastest())
    assert fast.interval < slow.interval <= 25e6 / 2000
    total = [totals(estimate(found, options("icebreaker"), Console(file=io.StringIO())))["lut"]
             for found in (slow, fast)]
    assert total[0] < total[1]
    error = cost_model("ice40").error
    assert f"{slow.interval:,} cycles a frame" in said and f"at 25 MHz; estimated {total[0]:,.0f} LUTs" in said
    assert f"the LUTs of {error.engines} layers" in said and f"{error.worst_percent:g} % at worst" in said
    worst = max(map(abs, cost_model("ice40").networks.values()))
    assert said.rstrip().endswith(f"whole networks by up to {worst:g} %")


def test_a_rate_out_of_reach():
    with pytest.raises(DoesNotFit, match="100,000 frames a second at 25 MHz leave 250 cycles a frame"):
        chosen("icebreaker", rate=Cheapest(100_000))


def test_the_clock_that_a_rate_needs():
    accelerator = plan(DIGITS.network, fold(DIGITS.network, {}))
    assert required_mhz(options("ecp5-85k", rate=Cheapest(10_000)), accelerator) == 10_000 * accelerator.interval / 1e6
    for given in ({}, {"rate": Fastest()}, {"rate": Cheapest(10_000), "clock_mhz": 50.0}):
        assert required_mhz(options("ecp5-85k", **given), accelerator) is None


@pytest.mark.yosys
def test_a_board_too_slow_for_a_rate(tmp_path, monkeypatch):
    """No bitstream is made: because the design is too slow, or because the PLL is set below what it reaches."""
    b = Builder((2, 2, 1))
    network = b.network(b.dense(b.flatten("input"), 3))
    design, ran = StreamingDesign.of(network, fold(network, {}), "ice40"), []
    path = {"from": "a", "to": "b"}

    def route(placeable, target, file, **how):
        ran.append(how)
        return {"fmax_mhz": 27.4, "bounded_mhz": None, "usable_mhz": 27.4, "seed": 1, "seeds": [{}],
                "required_mhz": None, "critical_path": path}

    monkeypatch.setattr("tbn_hw.boards.route.route", route)
    monkeypatch.setattr("tbn_hw.boards.route.mapped", lambda top, design, family, work: work.mkdir() or [])
    (tmp_path / "synth").mkdir()
    arguments = (design, Placeable([], "net", {}), find_target("icebreaker"), tmp_path / "synth" / "net.bin")
    figures = route_board(*arguments, seeds=[1], required_mhz=30.0)
    assert figures["required_mhz"] == 30.0 and len(ran) == 1 and not ran[0]["pack"]
    with pytest.raises(DoesNotFit, match="27.39 MHz are required; the design reaches 27.40 MHz, with which the "
                                         "board's clock can have 27.375"):
        route_board(*arguments, seeds=[1], required_mhz=27.39)
