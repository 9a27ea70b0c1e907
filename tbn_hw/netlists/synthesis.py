"""Synthesis of an accelerator with Yosys, one run a module, in parallel, cached by content.

Each module is mapped by itself. Its components stay apart from each other, so the figures of its parts add up to its
own. The top level has only wires and instances, and is mapped with the modules as black boxes. The totals add up what
it instantiates. Modules that differ only in their name are mapped once.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from sim.store import shared
from tbn_hw.families.cells import FIGURES, count, whole
from tbn_hw.families.registry import find_family
from tbn_hw.netlists.store import PLACEHOLDER, Job, opened, produce, recorded, renamed, scratch
from tbn_hw.shared.errors import SynthesisError
from tbn_hw.tools import yosys
from tbn_hw.tools.versions import require_yosys, versions
from tbn_hw.verilog.hierarchy import PARTS, part_of

Progress = Callable[[str, int, int], None]


def synthesise(modules: Mapping[str, str], target: str, folder: Path, workers: int | None = None,
               progress: Progress | None = None, *, top: str | None = None,
               cache: Path | None = None) -> dict[str, Any]:
    """Map `modules` (name -> Verilog or RTLIL whose top module has that name) to `target`, the name of a family.

    `top` names the module that instantiates the others; without it each counts once. Netlists are written to
    `folder`/<name>.v. `cache` is a folder that keeps results between builds; without it the store of `sim.store` does,
    where there is one. `progress` is called with what was done last, the number of modules done, and the number of all.

    Returns `modules`, `total` (tool, lut, ff, bram, dsp), and `cpu_seconds` of the runs that were needed now. `modules`
    gives for each name lut, ff, bram, dsp, the same four of each of its `parts`, the cells by type, and the
    cpu_seconds of the run that mapped it. Raises UsageError for an unknown target, ToolMissing, and SynthesisError
    when Yosys fails.
    """
    find_family(target, "target")
    require_yosys()
    report = progress or (lambda name, done, total: None)
    engines = {name: Job.of(name, text, target) for name, text in modules.items() if name != top}
    folder.mkdir(parents=True, exist_ok=True)
    own = folder / ".cache"
    store = opened(cache or shared("netlists", own))
    results, spent = _map(engines, store, workers or os.cpu_count() or 1, report, len(modules))
    if top is not None:
        boxes = "".join(_black_box(name, results[name]["ports"]) for name in sorted(results))
        jobs = {top: Job.of(top, modules[top], target, boxes)}
        result, seconds = _map(jobs, store, 1, report, len(modules), first=len(engines))
        results, spent = results | result, spent + seconds
    for name in modules:
        netlist = (store / results[name]["key"] / "netlist.v").read_text()
        (folder / f"{name}.v").write_text(renamed(netlist, PLACEHOLDER, name))
    if store == own:
        shutil.rmtree(own)
    figures = {name: _figures(results[name], target, name, modules) for name in modules}
    instances = Counter({name: figures[top]["cells"].get(name, 0) if top else 1 for name in engines})
    if top is not None:
        instances[top] = 1
    total = {key: whole(sum(instances[name] * figures[name][key] for name in figures)) for key in FIGURES}
    return {"modules": figures, "total": {"tool": f"Yosys {versions('yosys')['yosys']}", **total},
            "cpu_seconds": round(spent, 2)}


def _map(jobs: Mapping[str, Job], store: Path, workers: int, report: Progress, total: int,
         first: int = 0) -> tuple[dict[str, Any], float]:
    """The results of `jobs` by name, and the CPU seconds of the jobs that had to run."""
    names: dict[str, list[str]] = {}
    for name, job in jobs.items():
        names.setdefault(job.key, []).append(name)
    results, done = {}, first
    missing = {}
    for key, same in names.items():
        found = recorded(store / key)
        if found is None:
            missing[key] = jobs[same[0]]
        else:
            results[key] = found
            done += len(same)
            report(same[0], done, total)
    fresh = _run(missing, names, store, workers, lambda key, count: report(names[key][0], done + count, total))
    results |= fresh
    return {name: results[key] for key, same in names.items() for name in same}, sum(
        result["cpu_seconds"] for result in fresh.values())


def _run(jobs: Mapping[str, Job], names: Mapping[str, list[str]], store: Path, workers: int,
         report: Callable[[str, int], None]) -> dict[str, Any]:
    """Run `jobs` (by key), the longest texts first; the first failure, or Ctrl-C, ends them all."""
    if not jobs:
        return {}
    stop = threading.Event()

    def watch() -> None:
        if stop.is_set():
            raise InterruptedError

    with scratch(store, "warm") as folder:
        yosys.warm(folder)
    results: dict[str, Any] = {}
    done = 0
    with ThreadPoolExecutor(workers) as pool:
        order = sorted(jobs, key=lambda key: -len(jobs[key].text))
        futures = {pool.submit(produce, names[key][0], jobs[key], key, store, watch): key for key in order}
        try:
            for future in as_completed(futures):
                key = futures[future]
                results[key] = future.result()
                done += len(names[key])
                report(key, done)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return results


def _figures(result: Mapping[str, Any], target: str, name: str, boxes: Mapping[str, str]) -> dict[str, Any]:
    """The figures of a module, in all and by part. Cells that belong to no part are in "other"."""
    prices, cells = find_family(target).cells, Counter[str]()
    parts: dict[str, Counter[str]] = {}
    for module, found in result["modules"].items():
        times = found["instances"]
        cells.update({cell: times * number for cell, number in found["cells"].items()})
        try:
            figures = count(prices, {cell: n for cell, n in found["cells"].items() if cell not in boxes})
        except ValueError as error:
            raise SynthesisError(name, [str(error)]) from None
        figures["lut"] += found["carries"]
        part = parts.setdefault(part_of(module.removeprefix(f"{PLACEHOLDER}.")) or "other", Counter())
        part.update({figure: times * figures[figure] for figure in FIGURES})
    used = {part: {figure: parts[part][figure] for figure in FIGURES} for part in PARTS if part in parts}
    total = {figure: whole(sum(figures[figure] for figures in used.values())) for figure in FIGURES}
    return {**total, "parts": used, "cells": dict(cells), "cpu_seconds": result["cpu_seconds"]}


def _black_box(name: str, ports: Mapping[str, tuple[str, int]]) -> str:
    declared = ", ".join(f"{direction} [{width - 1}:0] \\{port} " for port, (direction, width) in ports.items())
    return f"module \\{name} ({declared}); endmodule\n"
