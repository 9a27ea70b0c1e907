"""The folding solver: against brute force, the plan's own estimate and FINN's folding; and its refusals."""

import itertools
import time

import pytest
from support.networks import Builder, chain, residual

from quantize.zoo import ZOO
from tbn_hw.costs.model import cost_model
from tbn_hw.families.cells import FIGURES
from tbn_hw.families.registry import FAMILIES
from tbn_hw.shared.errors import DoesNotFit
from tbn_hw.solver import search
from tbn_hw.solver.options import COSTS, Candidates
from tbn_hw.solver.problem import PRICES, cheapest
from tbn_hw.solver.search import Wish
from tbn_hw.stages.load import load
from tbn_hw.streaming import folding_file
from tbn_hw.streaming.folding import fold
from tbn_hw.streaming.plan import plan
from tbn_hw.targets.catalogue import find_target

NO_LIMITS = {}
ECP5, ICE40 = cost_model("ecp5"), cost_model("ice40")


def tiny(seed):
    """A network of few foldings."""
    b = Builder((5, 5, 1), seed)
    x = b.threshold(b.conv("input", 2, 3, padding=seed % 2))
    x = b.threshold(b.conv(x, [3, 4, 2][seed % 3], 3, padding=1, stride=1 + seed % 2))
    return b.network(b.dense(b.flatten(x), [3, 2, 5][seed % 3]), top_k=seed % 2)


def tiny_residual(seed):
    b = Builder((3, 3, 1), seed)
    x = b.block(b.requantize(b.conv("input", 2, 1, padding=0, weights="int8")), 2, kernel=1)
    return b.network(b.dense(b.flatten(x), 2))


def candidates(net, model=ECP5):
    return Candidates(net, fold(net, {}), model)


def totals(found, picked):
    """The figures of a choice of options, by name, as brute force adds them up."""
    total = sum(found.alone(found.network.by_name[name], option) for name, option in picked.items())
    for stream in found.streams:
        total = total + found.between(stream, picked.get(stream.maker), picked[stream.reader])
    return dict(zip(COSTS, total, strict=True))


def price(figures):
    return sum(PRICES[name] * value for name, value in figures.items())


def brute_force(found, most_cycles, limits):
    """The least price of all choices of options that keep to `limits`."""
    options = {node.name: found.options(node, most_cycles) for node in found.nodes}
    best = None
    for choice in itertools.product(*options.values()):
        figures = totals(found, dict(zip(options, choice, strict=True)))
        if all(figures[name] <= limit for name, limit in limits.items()):
            best = price(figures) if best is None else min(best, price(figures))
    return best


@pytest.mark.parametrize(("net", "most_cycles"), [
    *((tiny(seed), cycles) for seed in range(6) for cycles in (60, 150)),
    *(pytest.param(tiny_residual(s), 40, marks=pytest.mark.slow) for s in range(2))])
def test_solver_equals_brute_force(net, most_cycles):
    found = candidates(net)
    solution, best = cheapest(found, most_cycles, NO_LIMITS), brute_force(found, most_cycles, NO_LIMITS)
    assert (solution is None) == (best is None)
    if best is not None:
        assert price(solution.figures) == pytest.approx(best, rel=1e-6)
        assert solution.cycles <= most_cycles
        # and where LUTs are short, the best of what is left, or nothing where brute force finds nothing
        for share in (1.001, 0.9):
            for limits in ({"lut": share * solution.figures["lut"], "bram": solution.figures["bram"] + 2},
                           {"wire": share * solution.figures["wire"]}):
                tight, wanted = cheapest(found, most_cycles, limits), brute_force(found, most_cycles, limits)
                assert (tight is None) == (wanted is None)
                if tight is not None:
                    assert price(tight.figures) == pytest.approx(wanted, rel=1e-6)
                    assert all(tight.figures[name] <= limit * (1 + 1e-6) for name, limit in limits.items())


@pytest.mark.parametrize("net", [chain(1), residual(2), residual(3, size=8, channels=(4, 8))], ids=["chain", "a", "b"])
@pytest.mark.parametrize("model", [ECP5, ICE40], ids=["ecp5", "ice40"])
def test_solution_costs_what_its_plan_does(net, model):
    """The sum over nodes and streams is the estimate of the planned engines.

    They differ in the depth of queues. Ports and forks do not count, since no folding changes them.
    """
    most = 12 * net.input.height * net.input.width
    solution = cheapest(candidates(net, model), most, NO_LIMITS)
    again = cheapest(Candidates(net, solution.foldings, model), solution.cycles, NO_LIMITS)
    accelerator = plan(net, again.foldings, model.family)
    engines = [engine for engine in accelerator.engines if engine.kind not in ("axi_input", "axi_output", "fork")]
    estimate = {name: sum(model.engine(engine)[name] for engine in engines) for name in FIGURES}
    assert estimate["lut"] == pytest.approx(again.figures["lut"], rel=0.03)
    assert estimate["dsp"] == again.figures["dsp"]
    assert accelerator.interval <= most


def test_fastest_is_the_first_that_fits():
    net = tiny(2)
    found = candidates(net)
    wish = Wish(find_target("ice40-up5k").model_copy(update={"part": find_target("ecp5").part.model_copy(
        update={"lut": 1300, "ff": 1300})}), 50, None)
    best = search.fastest(found, wish)
    steps = sorted(set(search._intervals(net)))
    wanted = next(cycles for cycles in steps if cheapest(found, cycles, wish.limits) is not None)
    assert best.cycles <= wanted and cheapest(found, best.cycles - 1, wish.limits) is None
    assert best.figures["lut"] <= FAMILIES["ecp5"].fill * 1300


@pytest.mark.slow
def test_no_slower_than_finn_with_its_luts():
    """With the LUTs and block RAMs of FINN's own folding of CNV, by the same model."""
    net = load("tbn_cnv.yaml", None).network
    stated = folding_file.read(ZOO.parent.parent / "benchmarks" / "foldings" / "tbn_cnv_finn.yaml", net)
    finn = plan(net, fold(net, stated), "ecp5")
    figures = {name: sum(ECP5.engine(engine)[name] for engine in finn.engines) for name in FIGURES}
    part = find_target("ecp5").part.model_copy(update={"lut": int(figures["lut"] / FAMILIES["ecp5"].fill),
                                                        "ff": int(figures["ff"] / FAMILIES["ecp5"].fill),
                                                        "bram": int(figures["bram"] / search.FAR_BLOCK_FILL)})
    best = search.fastest(candidates(net), Wish(find_target("ecp5").model_copy(update={"part": part}), 80, None))
    assert best.cycles <= finn.interval
    assert best.figures["lut"] <= figures["lut"] and best.figures["bram"] <= figures["bram"]


@pytest.mark.slow
def test_wire_binds():
    """A part with little wire gets a folding that takes less of it, or else a sentence that names it."""
    net = load("tbn_cnv.yaml", None).network
    board = find_target("ulx3s-85f")
    wish = Wish(board, 67, 9150)
    free = search.solve(net, wish)
    assert free.figures["wire"] <= wish.limits["wire"] == board.part.wire

    def short(share):
        part = board.part.model_copy(update={"wire": int(share * free.figures["wire"])})
        return search.solve(net, Wish(board.model_copy(update={"part": part}), 67, 9150))

    assert short(0.99).figures["wire"] <= 0.99 * free.figures["wire"]
    with pytest.raises(DoesNotFit, match=r"tiles of wire of [\d,]+ that can be routed, [\d,]+ tiles of wire"):
        short(0.5)


def resnet34():
    """A network of ResNet-34's shapes and thresholds at 64x64, with random weights."""
    b = Builder((64, 64, 3), 0)
    x = b.requantize(b.conv("input", 64, 3, stride=2, weights="int8"))
    for channels, repeat in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for index in range(repeat):
            x = b.block(x, channels, stride=2 if channels > 64 and not index else 1)
    x = b.requantize(x, 0, 127, 6)
    x = b.avg_pool(x, b.types[x].height, 1)
    return b.network(b.dense(b.flatten(x), 1000, "int8"))


@pytest.mark.slow
def test_resnet34_in_seconds():
    net = resnet34()
    found = candidates(net)
    start = time.process_time()
    solution = cheapest(found, 2_000_000, NO_LIMITS)
    assert time.process_time() - start < 60
    assert solution.cycles <= 2_000_000 and len(solution.foldings) > 100


def test_out_of_reach():
    net = load("tbn_digits.yaml", None).network
    with pytest.raises(DoesNotFit, match=r"^icebreaker \(iCE40UP5K\): 100,000 frames a second at 25 MHz leave 250 "
                       r"cycles a frame, .*; the fastest folding that fits makes [\d,]+ frames a second, in "
                       r"[\d,]+ cycles$"):
        search.solve(net, Wish(find_target("icebreaker"), 25, 100_000))
    with pytest.raises(DoesNotFit, match=r"leave 0 cycles a frame, but \S+ needs \d+ at least; the fastest folding"):
        search.solve(net, Wish(find_target("icebreaker"), 25, 1e9))
    with pytest.raises(DoesNotFit, match="no folding of tbn_cnv fits; the smallest folding takes about .* block RAMs"):
        search.solve(load("tbn_cnv.yaml", None).network, Wish(find_target("icebreaker"), 30, None))


def test_digits_fit_the_icebreaker():
    net, target = load("tbn_digits.yaml", None).network, find_target("icebreaker")
    solution = search.solve(net, Wish(target, 30, None))
    accelerator = plan(net, solution.foldings, "ice40")
    total = {name: sum(ICE40.engine(engine)[name] for engine in accelerator.engines) for name in FIGURES}
    assert all(value <= getattr(target.part, name) for name, value in total.items())
    assert accelerator.interval == solution.cycles < 4096
