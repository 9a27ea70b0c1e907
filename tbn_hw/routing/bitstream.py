"""Packing of nextpnr's routed configuration into the file that configures the part."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from sim.process import ProcessFailed, execute, log_end
from tbn_hw.families.registry import FAMILIES, place_and_route_of
from tbn_hw.shared.errors import PlacementError
from tbn_hw.targets.device import Device
from tbn_hw.tools import wasm
from tbn_hw.tools.versions import module

SUFFIXES = {family.name: family.place_and_route.bitstream for family in FAMILIES.values() if family.place_and_route}
"""Suffix of a family's bitstreams, for each family that has place and route."""
_CONFIGURATION, _PACKED = "packed.txt", "packed.bin"


def pack(configuration: Path, device: Device, target: Path) -> None:
    """Pack what nextpnr routed for `device` into `target`.

    Raises UsageError for a family without place and route, and PlacementError when its packer cannot read the
    configuration.
    """
    packer = place_and_route_of(device.family).packer
    work = target.parent / f".{target.name}.packing"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:  # the tool has a /tmp of its own, so the files must lie where it runs
        shutil.copy2(configuration, work / _CONFIGURATION)
        arguments = packer.arguments(device.part, _CONFIGURATION, _PACKED)
        if packer.module is None:
            _run(device, packer.program, arguments, work)
        else:
            _run_python(packer.program, packer.module, arguments, work)
        (work / _PACKED).replace(target)
    finally:
        shutil.rmtree(work)


def _run(device: Device, packer: str, arguments: list[str], folder: Path) -> None:
    try:
        wasm.run(module(place_and_route_of(device.family).tool), f"run_{packer}", arguments, folder)
    except wasm.ToolFailed as failed:
        raise _failure(packer, failed.lines) from None


def _run_python(packer: str, name: str, arguments: list[str], folder: Path) -> None:
    """Run a packer that is a Python module, in a process of its own."""
    log = folder / wasm.PRINTED
    try:
        execute([sys.executable, "-m", name, *arguments], log, cwd=folder)
    except ProcessFailed:
        raise _failure(packer, log_end(log).splitlines()) from None


def _failure(packer: str, lines: list[str]) -> PlacementError:
    said = [line for line in lines if re.search("error|fail", line, re.I)] or lines or ["no message"]
    return PlacementError(f"{packer} gave no bitstream; its word was {said[-1]!r}")
