"""From what nextpnr routed to the file that configures the part."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tbn_hw import wasm
from tbn_hw.errors import PlacementError

SUFFIXES = {"ecp5": ".bit", "ice40": ".bin"}
_CONFIGURATION, _PACKED = "packed.txt", "packed.bin"


def pack(configuration: Path, family: str, target: Path) -> None:
    """Pack a textual configuration of nextpnr into `target`; those for ECP5 are compressed.

    Raises PlacementError when the packer of the family cannot read the configuration.
    """
    work = target.parent / f".{target.name}.packing"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:  # the tool sees a /tmp of its own, so the files must lie where it runs
        shutil.copy2(configuration, work / _CONFIGURATION)
        if family == "ecp5":
            _run(family, "ecppack", ["--compress", "--input", _CONFIGURATION, "--bit", _PACKED], work)
        else:
            _run(family, "icepack", [_CONFIGURATION, _PACKED], work)
        (work / _PACKED).replace(target)
    finally:
        shutil.rmtree(work)


def _run(family: str, packer: str, arguments: list[str], folder: Path) -> None:
    try:
        wasm.run(f"yowasp_nextpnr_{family}", f"run_{packer}", arguments, folder)
    except wasm.ToolFailed as failed:
        said = [line for line in failed.lines if re.search("error|fail", line, re.I)] or failed.lines or ["no message"]
        raise PlacementError(f"{packer} gave no bitstream; its word was {said[-1]!r}") from None
