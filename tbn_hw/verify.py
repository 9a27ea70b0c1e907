"""The verify stage: golden model and gateware on the same pictures, every output compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from quantize.network import INPUT, Network
from sim.bench import PRIMITIVES, CompileError, Probe, SimulationError, simulate
from sim.bench import ToolMissing as SimulatorMissing
from sim.golden import run
from tbn_hw.accelerator import Accelerator
from tbn_hw.errors import Mismatch, ToolMissing
from tbn_hw.generate import ports

STALLS = 0.2
"""Share of cycles in which each side of the accelerator pauses, after the frames that measure it."""
SEED = 1


def signed(images: np.ndarray) -> np.ndarray:
    """uint8 pictures as the network's input, int8 = uint8 - 128."""
    return (images.astype(np.int16) - 128).astype(np.int8)


def golden(network: Network, images: np.ndarray) -> np.ndarray:
    """The logits (n, classes) of uint8 pictures in the golden model."""
    name = network.outputs[0]
    logits = run(network, signed(images), keep=(name,))[name]
    return logits.reshape(len(images), -1)


def verify(accelerator: Accelerator, verilog: Path, images: np.ndarray, work: Path,
           progress: Callable[[str, int, int], None]) -> dict[str, Any]:
    """Run uint8 `images` through the Verilog, without pauses and with random ones, and compare all with golden.

    `work` keeps the simulator's build for the next time. Returns the report's `verify` figures. Raises Mismatch,
    naming the first node, pixel and channel that differ, also when the simulation stops short; ToolMissing, also when
    the compilers fail.
    """
    network, sizes = accelerator.network, ports(accelerator)
    streams = [name for name in accelerator.streams if name != INPUT]
    tensors = run(network, signed(images), keep={*streams, *network.outputs})
    logits, *classes = (tensors[name].reshape(len(images), -1) for name in network.outputs)
    try:
        result = simulate([verilog, PRIMITIVES], accelerator.name, signed(images), logits,
                          classes[0] if classes else None, logit_bytes=sizes.logit_bytes,
                          class_bytes=max(1, sizes.class_bytes), work=work, seed=SEED, stalls=STALLS,
                          timeout_cycles=2 * sum(engine.cycles or 0 for engine in accelerator.engines),
                          probes=[_probe(accelerator, name, tensors[name]) for name in streams],
                          progress=lambda done, total: progress("frames", done, total))
    except SimulatorMissing as error:
        raise ToolMissing(str(error)) from None
    except CompileError as error:
        raise ToolMissing(f"{accelerator.name}: {error}") from None
    except SimulationError as error:
        raise Mismatch(f"{accelerator.name}: {error}") from None
    if result.mismatches:
        raise Mismatch(f"{accelerator.name}: {result.mismatches} of {result.outputs_compared} outputs differ from the "
                       f"golden model; the first difference is in {result.first_divergence}")
    return {
        "images": result.images,
        "outputs_compared": result.outputs_compared,
        "mismatches": result.mismatches,
        "latency_cycles": result.latency_cycles,
        "interval_cycles": result.interval_cycles,
        "simulator": result.simulator,
    }


def _probe(accelerator: Accelerator, tensor: str, expected: np.ndarray) -> Probe:
    stream = accelerator.streams[tensor]
    link = accelerator.links[stream]
    return Probe(tensor, stream, link.shape.width, "signed" if link.shape.signed else "binary", link.par, expected)
