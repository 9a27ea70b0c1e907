"""The stages of a build, in order. Each takes the results of the stages before it, and is cached by what it reads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.console import Console

from tbn_hw.host.pictures import read_pictures
from tbn_hw.options import Options
from tbn_hw.report.terminal import show_classes
from tbn_hw.stages.fold import fold
from tbn_hw.stages.generate import generate
from tbn_hw.stages.load import Loaded, load
from tbn_hw.stages.netlist_check import check_netlist
from tbn_hw.stages.report import report
from tbn_hw.stages.route import route
from tbn_hw.stages.site import Site
from tbn_hw.stages.synthesise import synthesise
from tbn_hw.stages.verify import classify, verify
from tbn_hw.stages.workspace import Workspace
from tbn_hw.tools.cache import writable_cache

ESTIMATES = ("load", "fold")
"""The stages that need no trained weights."""


def build(options: Options, console: Console) -> None:
    """Do the stages up to `options.until`; raises BuildError with one sentence when one fails."""
    start = time.monotonic()
    loaded = load(options.model, options.weights, estimate=options.until in ESTIMATES)
    for note in loaded.notes:
        console.print(f"note: {note}")
    shape = loaded.network.input.shape
    pictures = read_pictures(options.images, shape, loaded.resize) if options.images else None
    site = Site(options, console, Workspace(options.output or Path("build") / loaded.name))
    with site.workspace.locked(), writable_cache(site.workspace.records / "tools", console.print):
        site.write("network.safetensors", loaded.network.to_bytes())
        site.done("load", time.monotonic() - start)
        for done in _stages(site, loaded, pictures):
            if done == options.until:
                break


def _stages(site: Site, loaded: Loaded, pictures: np.ndarray | None) -> Iterator[str]:
    """Do the stages one after the other, and yield the name of each of `options.STAGES` when it is done."""
    yield "load"
    planned = fold(site, loaded)
    yield "fold"
    generated = generate(site, planned)
    yield "generate"
    verified = verify(site, loaded, planned, generated)
    if pictures is not None:
        files = [str(file) for file in site.options.images]
        ranked = classify(site, planned, generated, pictures)
        show_classes(files, loaded.network.classes, ranked, site.console)
    yield "verify"
    synthesised = synthesise(site, planned, generated)
    netlist = check_netlist(site, planned, verified, synthesised)
    yield "synthesise"
    routed = route(site, planned, synthesised)
    yield "route"
    report(site, loaded, planned, verified, synthesised, netlist, routed)
    yield "report"
