"""The synthesis of one module with Yosys, and the store of results, by the hash of everything that they depend on."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tbn_hw.families.family import Module
from tbn_hw.families.registry import FAMILIES
from tbn_hw.shared.errors import SynthesisError
from tbn_hw.tools import yosys
from tbn_hw.tools.versions import versions
from tbn_hw.verilog.hierarchy import kept, memories_apart, plain_names

PLACEHOLDER = "synthesised_module"
"""Stands for a module's name in the cache, so that modules that differ only in their name share an entry."""
RTLIL = r"^(autoidx \d+|module \\\S+)$"
"""A line that occurs in RTLIL and never in Verilog."""


@dataclass(frozen=True)
class Job:
    """One Yosys run: a text, and the black boxes and memory images it needs. Its top module is called PLACEHOLDER."""

    text: str
    target: str
    boxes: str = ""
    images: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, text: str, target: str, boxes: str = "") -> Job:
        """The job of a text whose top module is `name`."""
        text, images = memories_apart(plain_names(renamed(text, name, PLACEHOLDER)))
        return cls(text, target, boxes, images)

    @property
    def file(self) -> str:
        return "module.il" if re.search(RTLIL, self.text, re.MULTILINE) else "module.v"

    @property
    def script(self) -> str:
        return "\n".join([
            *(["read_verilog -lib boxes.v"] if self.boxes else []),
            f"{'read_rtlil' if self.file.endswith('.il') else 'read_verilog'} {self.file}",
            *(f"setattr -mod -set keep_hierarchy 1 \\{name}" for name in kept(self.text, PLACEHOLDER)),
            f"{FAMILIES[self.target].cells.command} -top {PLACEHOLDER}",
            "tee -q -o stat.json stat -json",
            "write_verilog -noattr netlist.v",
            "write_json netlist.json\n",
        ])

    @property
    def key(self) -> str:
        digest = hashlib.sha256()
        for part in (versions("yosys")["yosys"], self.script, self.boxes, self.text):
            digest.update(hashlib.sha256(part.encode()).digest())
        return digest.hexdigest()[:32]


def produce(name: str, job: Job, key: str, store: Path, watch: Callable[[], None]) -> dict[str, Any]:
    """Run one job and move its whole result into the store at once."""
    watch()
    with scratch(store, key) as folder:
        (folder / job.file).write_text(job.text)
        (folder / "boxes.v").write_text(job.boxes)
        for path, image in job.images.items():
            (folder / path).write_text(image)
        (folder / "script.ys").write_text(job.script)
        try:
            seconds = yosys.run(name, "script.ys", folder, watch)
        except SynthesisError as error:
            raise SynthesisError(name, [renamed(line, PLACEHOLDER, name) for line in error.lines]) from None
        netlist = json.loads((folder / "netlist.json").read_text())
        stat = json.loads((folder / "stat.json").read_text())["modules"]
        result = {
            "key": key,
            "modules": _contents(netlist, stat, FAMILIES[job.target].cells.lone_carries),
            "ports": {port: [found["direction"], len(found["bits"])]
                      for port, found in netlist["modules"][PLACEHOLDER]["ports"].items()},
            "cpu_seconds": seconds,
        }
        for file in folder.iterdir():
            if file.name != "netlist.v":
                file.unlink()
        (folder / "result.json").write_text(json.dumps(result))
        try:
            folder.rename(store / key)
        except OSError:  # another build may have stored it just before
            if recorded(store / key) is None:
                raise
    return result


def _contents(netlist: Mapping[str, Any], stat: Mapping[str, Any],
              lone_carries: Callable[[Module], int] | None) -> dict[str, Any]:
    """What each module of a netlist holds, without its submodules.

    These are the number of its instances in the whole netlist, the cells of one instance by type, and its lone carries.
    """
    cells = {name.lstrip("\\"): found.get("num_cells_by_type", {}) for name, found in stat.items()}
    instances: Counter[str] = Counter()

    def visit(name: str, number: int) -> None:
        instances[name] += number
        for cell, times in cells[name].items():
            if cell in cells:
                visit(cell, number * times)

    visit(PLACEHOLDER, 1)
    return {name: {"instances": number,
                   "cells": {cell: times for cell, times in cells[name].items() if cell not in cells},
                   "carries": lone_carries(netlist["modules"][name]) if lone_carries else 0}
            for name, number in instances.items()}


def opened(folder: Path) -> Path:
    """The store in `folder`, made if need be. What killed builds left in it is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".*.tmp"):
        if not Path("/proc", left.name.split(".")[-2]).exists():
            shutil.rmtree(left, ignore_errors=True)
    return folder


@contextmanager
def scratch(store: Path, key: str) -> Iterator[Path]:
    """A folder of this process in the store. Afterwards it is removed, unless it was moved."""
    folder = store / f".{key}.{os.getpid()}.tmp"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def recorded(entry: Path) -> dict[str, Any] | None:
    """The result kept in `entry`. If there is none, or it cannot be read, returns None and removes `entry`."""
    try:
        result: dict[str, Any] = json.loads((entry / "result.json").read_text())
        if "modules" in result:
            return result
    except (OSError, ValueError):
        pass
    shutil.rmtree(entry, ignore_errors=True)
    return None


def renamed(text: str, name: str, new: str) -> str:
    """`text` with each identifier `name`, alone or before a dot, replaced."""
    return re.sub(rf"(?<![\w$.]){re.escape(name)}(?![\w$])", lambda match: new, text)
