"""The part of Verilator that is the same in every simulation, compiled once and kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sim.bench.tool import compiler, verilator_root, version


@contextmanager
def runtime_objects(folder: Path) -> Iterator[None]:
    """Put the runtime's objects into `folder` before a build there, or keep those that the build made.

    They take ten seconds to compile, a small design two. Without a writable cache each build compiles its own.
    """
    cache = _cache()
    for path in cache.glob("verilated*.o"):
        shutil.copyfile(path, folder / path.name)
    yield
    with suppress(OSError):  # no place for a cache
        cache.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("verilated*.o"):  # a bench without cocotb has fewer of them
            if not (cache / path.name).exists():
                with tempfile.TemporaryDirectory(dir=cache) as temporary:
                    shutil.copyfile(path, whole := Path(temporary) / path.name)
                    whole.rename(cache / path.name)


def _cache() -> Path:
    """The folder for this Verilator and this compiler; XDG_CACHE_HOME moves it."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    about = subprocess.run([compiler(), "--version"], capture_output=True, text=True).stdout
    key = hashlib.sha256(f"{version('verilator')} {verilator_root()} {compiler()} {about}".encode()).hexdigest()[:16]
    return Path(root) / "tbn-hw" / f"verilator-{key}"
