"""The output folder of a build. Stages are cached by content, and their outputs appear whole or not at all.

A stage writes into a folder of its own beside the outputs. When it is done, its old record is removed, its outputs are
moved into place, and a new record with the key and the hash of every file is written. So a build may be killed at any
moment: each stage then has a record that fits its files, or none. The next build makes a stage without a record again.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quantize.files import write_atomically
from sim.disk import FULL, out_of_space
from tbn_hw.shared.errors import UsageError
from tbn_hw.stages.keys import file_hash

RECORDS = ".stages"
OUTPUTS = ("network.safetensors", "folding.yaml", "manifest.json", "rtl", "rom", "sim", "pictures", "synth",
           "report.json", "report.html")
"""What a build leaves in its folder."""


@dataclass(frozen=True)
class Outcome:
    """The result of a stage (plain JSON), the seconds that it took when it ran, and whether it was `cached`."""

    data: dict[str, Any]
    seconds: float
    cached: bool


class Workspace:
    """The folder `root`, made if need be; raises UsageError if it cannot be written or holds files of no build."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.records = root / RECORDS
        foreign = [name for name in OUTPUTS if os.path.lexists(root / name)]
        if foreign and not self.records.is_dir():
            raise UsageError(f"--output: {root} holds {foreign[0]!r}, which no build wrote; choose another folder")
        try:
            self.records.mkdir(parents=True, exist_ok=True)
            if not os.access(root, os.W_OK | os.X_OK) or not os.access(self.records, os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            raise UsageError(f"--output: {root} must be a folder that can be written; {error.strerror}") from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this build alone; raises UsageError when another build has it.

        Whatever finds the disk full meanwhile, the OSError names the folder. Without that it names the file that was
        read, or none.
        """
        with (self.records / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UsageError(f"--output: another build is running in {self.root}") from None
            in_root = [left for name in OUTPUTS for left in self.root.glob(f".{name}.*.tmp")]
            for left in [*in_root, *self.records.glob(".*.tmp")]:
                left.unlink()  # a build that was killed while it wrote left this
            try:
                yield
            except OSError as error:
                if error.errno not in FULL:
                    raise
                raise out_of_space(self.root, error.errno) from None

    def stage(self, name: str, key: str, outputs: Sequence[str], produce: Callable[[Path], dict[str, Any]]) -> Outcome:
        """The outcome of stage `name`: the recorded one if key and files are unchanged, else that of a new run.

        `produce` writes `outputs` (files or folders) below the folder it is given, and returns the result. An output
        that it does not write is removed from the root.
        """
        record = self.records / f"{name}.json"
        found = self._recorded(record, key, outputs)
        if found is not None:
            return found
        scratch = self.records / f"{name}.tmp"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        start = time.monotonic()
        data = produce(scratch)
        seconds = round(time.monotonic() - start, 2)
        record.unlink(missing_ok=True)
        for output in outputs:
            self._move(scratch / output, self.root / output)
        shutil.rmtree(scratch)
        content = {"key": key, "files": self._hashes(outputs, self.root), "data": data, "seconds": seconds}
        write_atomically(record, json.dumps(content, indent=1).encode())
        return Outcome(data, seconds, cached=False)

    def differs(self, folder: Path, outputs: Sequence[str]) -> bool:
        """Whether `outputs` below `folder` differ from those in place."""
        return self._hashes(outputs, folder) != self._hashes(outputs, self.root)

    def discard(self, *outputs: str) -> None:
        """Remove files that no longer fit the rest of the folder."""
        for output in outputs:
            (self.root / output).unlink(missing_ok=True)

    def write(self, name: str, data: bytes) -> bool:
        """Write one file, whole or not at all, unless it holds `data` already; returns whether it was written."""
        path = self.root / name
        if path.is_file() and path.read_bytes() == data:
            return False
        write_atomically(path, data)
        return True

    def _recorded(self, record: Path, key: str, outputs: Sequence[str]) -> Outcome | None:
        try:
            content = json.loads(record.read_text())
            if content["key"] != key or content["files"] != self._hashes(outputs, self.root):
                return None
            return Outcome(content["data"], content["seconds"], cached=True)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @staticmethod
    def _hashes(outputs: Sequence[str], root: Path) -> dict[str, str]:
        hashes: dict[str, str] = {}
        for output in outputs:
            path = root / output
            files = sorted(path.rglob("*")) if path.is_dir() else [path]
            hashes |= {str(file.relative_to(root)): file_hash(file) for file in files if file.is_file()}
            if not path.exists():
                hashes[output] = "missing"
        return hashes

    @staticmethod
    def _move(source: Path, target: Path) -> None:
        target.parent.mkdir(exist_ok=True)
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        elif source.is_dir() or not source.exists():
            target.unlink(missing_ok=True)
        if source.exists():
            os.replace(source, target)
