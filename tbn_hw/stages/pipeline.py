"""The stages of a build, in order, each cached by the content of what it depends on."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from quantize.network import Network
from sim.store import shared
from tbn_hw.boards.route import route_board
from tbn_hw.families.registry import place_and_route_of
from tbn_hw.host import pictures
from tbn_hw.host.confidence import fit_temperature
from tbn_hw.netlists import synthesis
from tbn_hw.options import STAGES
from tbn_hw.report import dataflow, figures
from tbn_hw.report.page import render
from tbn_hw.report.terminal import show, show_classes
from tbn_hw.routing import route
from tbn_hw.routing.bitstream import SUFFIXES
from tbn_hw.shared.progress import progress
from tbn_hw.stages import netlist_check, verify
from tbn_hw.stages.fold import choose_foldings, estimate, estimate_summary, required_mhz
from tbn_hw.stages.load import load
from tbn_hw.stages.manifest import manifest
from tbn_hw.stages.workspace import Workspace, content_key, sources
from tbn_hw.streaming import folding_file, generate
from tbn_hw.streaming.accelerator import Accelerator
from tbn_hw.streaming.plan import plan
from tbn_hw.targets.catalogue import Target
from tbn_hw.tools.versions import require_simulator, versions

ACCURACY_IMAGES = 100
RANDOM_IMAGES_SEED = 1
TOP = 3
WORKERS = os.cpu_count() or 1
ROOMS = ("hdl", "quantize", "sim", "tbn_hw")
SUMMARIES = ("manifest.json", "report.json", "report.html")
"""Files that speak of a whole build, and go when a part of it changes."""
NETLISTS = "synth/netlists"


class Build:
    """One run of the command line: `run` does the stages up to `options.until`."""

    def __init__(self, options: argparse.Namespace, console: Console) -> None:
        self._options, self._console = options, console
        self._target: Target = options.target
        self._seconds: dict[str, float] = {}

    def run(self) -> None:
        """Do the stages; raises BuildError with one sentence when one fails."""
        start = time.monotonic()
        self._loaded = load(self._options.model, self._options.weights)
        for note in self._loaded.notes:
            self._console.print(f"note: {note}", markup=False)
        shape, files = self.network.input.shape, self._options.images
        self._pictures = pictures.read_pictures(files, shape, self._loaded.resize) if files else None
        output = self._options.output or Path("build") / self._loaded.name
        self._workspace = Workspace(output)
        with self._workspace.locked():
            self._stages(start)

    def _stages(self, start: float) -> None:
        last = STAGES.index(self._options.until)
        self._load(start)
        steps = (self._fold, self._generate, self._verify, self._synthesise, self._route, self._report)
        for step in steps[:last]:
            step()

    def _load(self, start: float) -> None:
        data = self.network.to_bytes()
        self._network_key = content_key(data)
        if self._workspace.write("network.safetensors", data):
            self._workspace.discard(*SUMMARIES)
        self._done("load", time.monotonic() - start)

    def _fold(self) -> None:
        start = time.monotonic()
        self._foldings = choose_foldings(self._loaded, self._options, self._console)
        self.accelerator: Accelerator = plan(self.network, self._foldings, self._target.family)
        self._estimates = estimate(self.accelerator, self._options, self._console)
        self._required_mhz = required_mhz(self._options, self.accelerator)
        used = {engine.node.name: engine.folding for engine in self.accelerator.engines if engine.node is not None}
        if self._workspace.write("folding.yaml", folding_file.text_of(used).encode()):
            self._workspace.discard(*SUMMARIES)
        self._done("fold", time.monotonic() - start)

    def _generate(self) -> None:
        name, accelerator = self.accelerator.name, self.accelerator
        self._rtl_key = content_key("generate", self._network_key, sources(*ROOMS), self._target.family,
                                    sorted(versions("amaranth").items()), sorted(self._foldings.items()))

        def produce(folder: Path) -> dict[str, Any]:
            (folder / "rtl").mkdir()
            (folder / "rom").mkdir()
            with progress("generate", self._console) as step:
                texts = generate.modules(accelerator, WORKERS, step)
            verilog = generate.join({name: generate.top(accelerator), **texts})
            (folder / "rtl" / f"{name}.v").write_text(verilog)
            for file, text in generate.rom_images(accelerator).items():
                (folder / "rom" / file).write_text(text)
            return {}

        self._stage("generate", self._rtl_key, ["rtl", "rom"], produce)

    def _verify(self) -> None:
        images, test = self._test_images, self._loaded.pictures
        self._verify_images = images
        known = test and [None if array is None else array.tobytes() for array in vars(test).values()]
        key = content_key(self._verify_key(images), known)

        def produce(folder: Path) -> dict[str, Any]:
            require_simulator()
            (folder / "sim").mkdir()
            few = min(len(images), verify.COCOTB_IMAGES)
            self._console.print(f"verify: {few} image(s) through the gateware in cocotb, {len(images) - few} in C++, "
                                "built by Verilator")
            return {"accuracy": self._accuracy(), "verify": self._simulate(images, folder / "sim")}

        self._verified = self._stage("verify", key, ["sim"], produce)
        if self._pictures is not None:
            self._classify(self._pictures)

    def _classify(self, images: np.ndarray) -> None:
        """The user's own pictures, through the golden model and the gateware."""

        def produce(folder: Path) -> dict[str, Any]:
            (folder / "pictures").mkdir()
            return self._simulate(images, folder / "pictures")

        outcome = self._workspace.stage("pictures", self._verify_key(images), ["pictures"], produce)
        self._done("pictures", outcome.seconds, outcome.cached)
        logits = verify.golden(self.network, images)
        order = np.argsort(-logits, axis=1, kind="stable")[:, :TOP]
        ranked = [[(int(index), int(row[index])) for index in best] for best, row in zip(order, logits, strict=True)]
        files = [str(file) for file in self._options.images]
        show_classes(files, self.network.classes, ranked, self._console)

    def _verify_key(self, images: np.ndarray) -> str:
        tools = sorted(versions("cocotb", "verilator").items())
        return content_key("verify", self._rtl_key, images.shape, images.tobytes(), tools)

    def _simulate(self, images: np.ndarray, folder: Path) -> dict[str, Any]:
        """Figures of `images` in the gateware; the logs go to `folder`."""
        work = self._workspace.records / "simulation"
        with progress("simulate", self._console) as step:
            found = verify.verify(self.accelerator, self._verilog, images, work, step)
        shutil.copy2(work / "run" / "simulation.log", folder)
        if len(images) > verify.COCOTB_IMAGES:
            shutil.copy2(work / "many" / "simulation.log", folder / "simulation_many.log")
        return found

    def _synthesise(self) -> None:
        self._mapped_key = content_key("synthesise", self._rtl_key, self._target.family, versions("yosys"))

        def produce(folder: Path) -> dict[str, Any]:
            netlists = folder / NETLISTS
            netlists.mkdir(parents=True)
            with progress("synthesise", self._console) as step:
                modules = generate.split(self._verilog.read_text())
                return synthesis.synthesise(modules, self._target.family, netlists, WORKERS, step,
                                            top=self.accelerator.name,
                                            cache=shared("netlists", self._workspace.records / "yosys"))

        self._synthesised = self._stage("synthesise", self._mapped_key, [NETLISTS], produce)
        self._target.require(self._synthesised["total"])
        self._check_netlist()

    def _check_netlist(self) -> None:
        """Pictures through the netlist; how many depends on what it costs."""
        luts, images = self._synthesised["total"]["lut"], self._verify_images[:netlist_check.IMAGES]
        netlists = sorted((self._workspace.root / NETLISTS).glob("*.v"))
        key = content_key("netlist", self._mapped_key, images.tobytes(), versions("verilator"))

        def produce(folder: Path) -> dict[str, Any]:
            count, work = netlist_check.affordable(luts), self._workspace.records / "netlist"
            self._console.print(f"netlist: {min(count, len(images))} image(s) through the netlist of {luts:,} LUTs")
            with progress("netlist", self._console) as step:
                return netlist_check.check(self.accelerator, netlists, self._target.family, luts, images, work, step)

        self._verified["verify"]["netlist"] = self._stage("netlist", key, [], produce)

    def _route(self) -> None:
        """Place and route, if it is wanted; raises DoesNotFit for a missed clock."""
        options, target, name = self._options, self._target, self.accelerator.name
        self._routed: dict[str, Any] = dict.fromkeys(route.FIGURES)
        if not options.seeds:
            return
        seeds = range(1, options.seeds + 1)
        known = target.model_dump(exclude={"part": {"wire"}})
        key = content_key("route", self._mapped_key, known, seeds, options.clock, self._required_mhz,
                          versions(place_and_route_of(target.family).tool))
        netlists = sorted((self._workspace.root / NETLISTS).glob("*.v"))
        nodes = {engine.name: engine.node.name for engine in self.accelerator.engines if engine.node is not None}

        file = f"synth/{name}{SUFFIXES[target.family]}"

        def produce(folder: Path) -> dict[str, Any]:
            self._console.print(f"route: {target.device}, {len(seeds)} seed(s); a large design takes many minutes each")
            design, place = route.Design(netlists, name, nodes), folder / file
            with progress("route", self._console) as step:
                how = {"seeds": seeds, "clock_mhz": options.clock, "required_mhz": self._required_mhz,
                       "workers": WORKERS, "progress": step}
                if target.board is None:
                    return route.route(design, target, place, **how)
                return route_board(self.accelerator, design, target, place, **how)

        self._routed = self._stage("route", key, ["synth/route", "synth/board", file], produce)
        missed = route.missed(self._routed, target)
        if missed is not None:
            raise missed

    def _report(self) -> None:
        start = time.monotonic()
        accelerator, modules = self.accelerator, self._synthesised["modules"]
        network = figures.network_figures(self.network, accelerator)
        found = {engine.name: modules[generate.module_name(accelerator, engine)] for engine in accelerator.engines}
        by_kind = [("top", modules[accelerator.name]), *((e.kind, found[e.name]) for e in accelerator.engines)]
        self._done("report", time.monotonic() - start)
        content = {
            "model": self._loaded.name,
            "target": self._target.name,
            "device": figures.device(self._target),
            "network": network,
            "dataflow": dataflow.dataflow(accelerator),
            "layers": figures.layer_figures(accelerator, found, self._estimates),
            "estimate": estimate_summary(self._estimates, self._target.family),
            "verify": self._verified["verify"],
            "accuracy": self._verified["accuracy"],
            "synthesis": figures.synthesis_figures(accelerator, self._synthesised["total"], by_kind) | {
                "part": self._target.part_name, "available": figures.available(self._target)},
            "route": self._routed,
            "throughput": figures.throughput(self._routed, self._verified["verify"], network["macs"]),
            "seconds": self._seconds,
            "seeds": {"simulation": verify.SEED, "random_images": RANDOM_IMAGES_SEED},
            "versions": versions(),
        }
        page = render(content).encode()
        self._workspace.write("manifest.json", _json({
            **manifest(self._workspace.root, accelerator), "board": self._routed["board"],
            "resize": self._loaded.resize, "temperature": self._verified["accuracy"]["temperature"]}))
        self._workspace.write("report.json", _json(content))
        self._workspace.write("report.html", page)
        show(content, self._console)
        self._console.print(f"written to {self._workspace.root}")

    def _accuracy(self) -> dict[str, Any]:
        """The golden model's accuracy on the labelled test pictures, if the model has some."""
        test = self._loaded.pictures
        if test is None:
            return dict.fromkeys(("dataset", "images", "golden_percent", "float_percent", "correct", "temperature"))
        count = min(ACCURACY_IMAGES, len(test.images))
        logits, labels, real = verify.golden(self.network, test.images[:count]), test.labels[:count], test.float_classes
        correct = int((logits.argmax(axis=1) == labels).sum())
        self._console.print(f"verify: golden model names {correct} of {count} test images rightly")
        return {"dataset": self._loaded.dataset, "images": count, "golden_percent": 100 * correct / count,
                "float_percent": None if real is None else 100 * float((real[:count] == labels).mean()),
                "correct": correct, "temperature": fit_temperature(logits, labels)}

    @property
    def _test_images(self) -> np.ndarray:
        """uint8 pictures for the gateware: labelled test pictures, and random ones where there are not enough."""
        count, shape = self._options.verify_images, self.network.input.shape
        labelled = np.zeros((0, *shape), np.uint8) if self._loaded.pictures is None else self._loaded.pictures.images
        missing = max(0, count - len(labelled))
        if missing:
            self._console.print(f"verify: {len(labelled)} test pictures lie beside the model file; {missing} random "
                                "ones are used")
        random = np.random.default_rng(RANDOM_IMAGES_SEED).integers(0, 256, (missing, *shape), np.uint8)
        return np.concatenate([labelled[:count], random])

    @property
    def _verilog(self) -> Path:
        return self._workspace.root / "rtl" / f"{self.accelerator.name}.v"

    @property
    def network(self) -> Network:
        return self._loaded.network

    def _stage(self, name: str, key: str, outputs: list[str],
               produce: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
        """What a stage found; where it has to run, the report and the bitstream of an earlier build go first."""
        bitstreams = [f"synth/{self.accelerator.name}{suffix}" for suffix in SUFFIXES.values()]

        def fresh(folder: Path) -> dict[str, Any]:
            self._workspace.discard(*SUMMARIES, *(bitstreams if name not in ("verify", "netlist") else []))
            return produce(folder)

        outcome = self._workspace.stage(name, key, outputs, fresh)
        self._done(name, outcome.seconds, outcome.cached)
        return outcome.data

    def _done(self, stage: str, seconds: float, cached: bool = False) -> None:
        self._seconds[stage] = round(seconds, 2)
        self._console.print(f"{stage}: {'unchanged' if cached else f'{seconds:.1f} s'}")


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()
