"""The bench for many pictures finds and measures the same as the cocotb bench, on the same hand-written accelerator."""

from __future__ import annotations

import numpy as np
import pytest
from support.tiny_accelerator import TINY, frames

from sim.bench import SimulationError, simulate, simulate_many
from sim.bench.many import FOLDER

pytestmark = pytest.mark.verilator


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """One folder for all tests here, with a space in its name."""
    return tmp_path_factory.mktemp("many pictures")


def run(work, images, logits, classes, bench=simulate_many, **options):
    return bench(TINY, "tiny", images, logits, classes, logit_bytes=4, work=work, **options)


@pytest.mark.parametrize("stalls", [0.0, 0.1, 0.7])
def test_figures_are_those_of_cocotb(work, stalls):
    images, _, logits, classes = frames(30)
    found, reference = (run(work, images, logits, classes, bench, stalls=stalls, seed=5)
                        for bench in (simulate_many, simulate))
    for figure in ("images", "outputs_compared", "mismatches", "first_divergence", "latency_cycles", "interval_cycles",
                   "simulator"):
        assert getattr(found, figure) == getattr(reference, figure)
    assert (found.latency_cycles, found.interval_cycles, found.outputs_compared) == (35, 36, 90 + 9 * bool(stalls))
    assert abs(found.cycles - reference.cycles) < 0.5 * reference.cycles


def test_seed(work):
    images, _, logits, classes = frames(200)
    one, again, other = (run(work, images, logits, classes, stalls=0.3, seed=seed).cycles for seed in (5, 5, 6))
    assert one == again != other


def test_few_images_are_repeated_to_measure(work):
    images, _, logits, classes = frames(1)
    found = run(work, images, logits, classes)
    assert (found.images, found.outputs_compared, found.interval_cycles) == (1, 9, 36)
    found = run(work, images, logits, classes, measure=False)
    assert (found.outputs_compared, found.latency_cycles, found.interval_cycles) == (3, 35, None)


@pytest.mark.parametrize("stalls", [0.0, 0.4])
def test_mismatch(work, stalls):
    """A fault in the design, or a wrong expected value: the first output that differs is named."""
    images, _, logits, classes = frames(40, fault=1, at=2)
    first = run(work, images, logits, classes, stalls=stalls).first_divergence
    assert (first.node, first.image, first.channel) == ("output", 2, 1)
    assert abs(first.got - first.expected) == 4
    images, _, logits, classes = frames(1000)
    logits[998, 1] += 1
    found = run(work, images, logits, classes, stalls=stalls)
    assert found.mismatches == 1
    assert str(found.first_divergence) == (f"output: image 998, pixel (0, 0), channel 1 must be {logits[998, 1]}, "
                                           f"not {logits[998, 1] - 1}")


@pytest.mark.parametrize(("fault", "stalls", "message"), [
    (2, 0.0, r"^no transfer for 200 cycles; input 19 of 120 beats, output 1 of 10 beats in cycle \d+; seed 0"),
    (3, 0.9, r"^output: the payload changed before the transfer; result \d; seed 0, stalls 0.9$"),
    (4, 0.0, r"^m_axis_tlast must be high on every result, it is low; result 1; seed 0, stalls 0.0$"),
    (5, 0.0, r"^a result too many is offered after input 120 of 120 beats, output 10 of 10 beats; seed"),
])
def test_broken_protocol(work, fault, stalls, message):
    images, _, logits, classes = frames(10, fault=fault, at=9 if fault == 5 else 1)
    with pytest.raises(SimulationError, match=message):
        run(work, images, logits, classes, stalls=stalls, measure=False, timeout_cycles=200)


def test_progress(work):
    images, _, logits, classes = frames(100_000)
    seen = []
    run(work, images, logits, classes, progress=lambda done, total: seen.append((done, total)))
    assert seen and all(total == 100_000 and 0 < done <= total for done, total in seen)
    assert (work / FOLDER / "simulation.log").exists()


def test_wrong_arguments(work):
    images, _, logits, classes = frames(3)
    with pytest.raises(ValueError, match=r"^logits must be given for each of at least one image, not 2 for 3$"):
        run(work, images, logits[:2], classes)
    with pytest.raises(SimulationError, match=r"(?s)^Verilog cannot be compiled: .*other"):
        simulate_many(TINY, "other", images, np.zeros((3, 2)), logit_bytes=4, work=work)
