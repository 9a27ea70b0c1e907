"""Verilog and weight ROM images of an accelerator: the files a user takes away.

The same network, folding and versions give the same bytes, in any process on any machine.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import jinja2
from amaranth.back import verilog
from amaranth.hdl import Shape

from quantize.rom import matrix, mem_text, pack, weight_bits
from sim.process import end_with_parent
from tbn_hw.shared.design import Ports, Progress
from tbn_hw.shared.errors import WorkerKilled
from tbn_hw.streaming.accelerator import Accelerator, Engine
from tbn_hw.streaming.template import TOP
from tbn_hw.verilog.hierarchy import merged


def ports(accelerator: Accelerator) -> Ports:
    """What one beat at each end of the accelerator holds."""
    links = next(engine.links for engine in accelerator.engines if engine.kind == "axi_output")
    source = accelerator.network.input
    classes = links[1] if len(links) > 1 else None
    return Ports(source.channels * _bytes(source.element_bits), links[0].tensor.channels, _bytes(links[0].shape.width),
                 classes.tensor.channels if classes else 0, _bytes(classes.shape.width) if classes else 0)


def modules(accelerator: Accelerator, workers: int, progress: Progress | None = None) -> dict[str, str]:
    """The Verilog of each engine by module name, in the accelerator's order; `workers` processes share the work.

    Raises WorkerKilled if a process ends before its work is done.
    """
    jobs = {module_name(accelerator, engine): engine for engine in accelerator.engines}
    texts: dict[str, str] = {}
    try:
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=end_with_parent) as pool:
            futures = {pool.submit(module, name, engine): name for name, engine in jobs.items()}
            for done, future in enumerate(as_completed(futures), 1):
                texts[futures[future]] = future.result()
                if progress is not None:
                    progress(futures[future], done, len(futures))
    except BrokenProcessPool:
        raise WorkerKilled("generate") from None
    return {name: texts[name] for name in jobs}


def module(name: str, engine: Engine) -> str:
    """The Verilog of one engine, as a module called `name`. Equal components share a module."""
    component: Any = engine.component()
    return merged(verilog.convert(component, name=name, emit_src=False, strip_internal_attrs=True))


def module_name(accelerator: Accelerator, engine: Engine) -> str:
    return f"{accelerator.name}_{engine.name}"


def top(accelerator: Accelerator) -> str:
    """The Verilog of the top level: instances of the engines and the wires between them."""
    template = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True).from_string(TOP)
    sizes = ports(accelerator)
    streams = [{"name": name, "bits": Shape.cast(link.payload).width} for name, link in accelerator.links.items()]
    streams.append({"name": "flag", "bits": 1})
    engines = [{"name": engine.name, "kind": engine.kind, "ports": [*engine.inputs.items(), *engine.outputs.items()]}
               for engine in accelerator.engines]
    return template.render(name=accelerator.name, streams=streams, engines=engines, output_bytes=sizes.output_bytes,
                           **vars(sizes))


def rom_images(accelerator: Accelerator) -> dict[str, str]:
    """The `.mem` text of each weight memory, by file name."""
    return {f"{engine.name}.mem": mem_text(*rom_rows(engine)) for engine in accelerator.engines
            if engine.has_weights}


def rom_rows(engine: Engine) -> tuple[list[int], int]:
    """The rows of an engine's weight memory, and their width in bits."""
    assert engine.node is not None
    bits = weight_bits(engine.node)
    return pack(matrix(engine.node), engine.folding.pe, engine.folding.simd, bits), engine.folding.lanes * bits


def _bytes(bits: int) -> int:
    return (bits + 7) // 8
