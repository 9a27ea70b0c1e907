"""The verify stage: golden model and gateware on the same pictures, every output compared."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from quantize.network import INPUT, Network
from sim.bench import Probe, SimulationError, SimulationResult, simulate
from sim.bench import ToolMissing as SimulatorMissing
from sim.golden import run
from tbn_hw.accelerator import Accelerator
from tbn_hw.errors import Mismatch, ToolMissing
from tbn_hw.generate import ports

STALLS = 0.2
"""Share of cycles in which each side of the accelerator pauses, in the second simulation."""
SEED = 1
CYCLES_PER_FRAME = 20
"""The simulation gives up after this many intervals a frame: none should need more than a few."""


def signed(images: np.ndarray) -> np.ndarray:
    """uint8 pictures as the network's input, int8 = uint8 - 128."""
    return (images.astype(np.int16) - 128).astype(np.int8)


def golden(network: Network, images: np.ndarray) -> np.ndarray:
    """The logits (n, classes) of uint8 pictures in the golden model."""
    name = network.outputs[0]
    logits = run(network, signed(images), keep=(name,))[name]
    return logits.reshape(len(images), -1)


def verify(accelerator: Accelerator, verilog: Path, images: np.ndarray, work: Path) -> dict[str, Any]:
    """Run uint8 `images` through the Verilog twice, without pauses and with random ones, against the golden model.

    Returns the report's `verify` figures. Raises Mismatch, naming the first node, pixel and channel that differ;
    ToolMissing when there is no simulator or compiler; Mismatch also when the simulation stops short of its outputs.
    """
    plain = _simulate(accelerator, verilog, images, work, stalls=0.0)
    stalled = _simulate(accelerator, verilog, images, work, stalls=STALLS)
    return {
        "images": len(images),
        "outputs_compared": plain.outputs_compared + stalled.outputs_compared,
        "mismatches": plain.mismatches + stalled.mismatches,
        "latency_cycles": plain.latency_cycles,
        "interval_cycles": plain.interval_cycles,
        "simulator": plain.simulator,
    }


def _simulate(accelerator: Accelerator, verilog: Path, images: np.ndarray, work: Path, *,
              stalls: float, probes: list[Probe] | None = None) -> SimulationResult:
    network, sizes = accelerator.network, ports(accelerator)
    wanted = run(network, signed(images), keep=network.outputs)
    logits, *classes = (wanted[name].reshape(len(images), -1) for name in network.outputs)
    latency = 2 * sum(engine.cycles or 0 for engine in accelerator.engines)
    try:
        result = simulate([verilog], accelerator.name, signed(images), logits, classes[0] if classes else None,
                          logit_bytes=sizes.logit_bytes, class_bytes=sizes.class_bytes, work=work, seed=SEED,
                          stalls=stalls, timeout_cycles=latency + CYCLES_PER_FRAME * len(images) * accelerator.interval,
                          probes=probes)
    except SimulatorMissing as error:
        raise ToolMissing(str(error)) from None
    except SimulationError as error:
        raise Mismatch(f"{accelerator.name}: the simulation failed; {error}") from None
    if result.mismatches and probes is None:
        again = _simulate(accelerator, verilog, images, work / "probed", stalls=stalls,
                          probes=_probes(accelerator, images))
        raise Mismatch(f"{accelerator.name}: {result.mismatches} of {result.outputs_compared} outputs differ from the "
                       f"golden model; {_where(again)}")
    return result


def _probes(accelerator: Accelerator, images: np.ndarray) -> list[Probe]:
    network = accelerator.network
    names = [name for name in accelerator.streams if name != INPUT and network.by_name[name].kind != "flatten"]
    tensors = run(network, signed(images), keep=names)
    probes = []
    for name in names:
        stream = accelerator.streams[name]
        link = accelerator.links[stream]
        probes.append(Probe(name=name, prefix=stream, width=link.shape.width, signed=link.shape.signed,
                            par=link.par, expected=tensors[name]))
    return probes


def _where(result: SimulationResult) -> str:
    found = result.first_divergence
    if found is None:
        return "the streams between the engines agree, the last engine's output does not"
    place = asdict(found)
    return ("the first to differ is {node}, image {image}, pixel ({y}, {x}), channel {channel}: "
            "{got} instead of {expected}".format(**place))
