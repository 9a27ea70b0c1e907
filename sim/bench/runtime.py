"""Verilator's runtime, which is the same in every simulation. It is compiled once and kept in the user's cache."""

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
    """Copy the cached objects of the runtime into `folder` before a build, and put new ones into the cache after it.

    The runtime takes ten seconds to compile, a small design only two. Without a writable cache each build compiles it.
    """
    cache = _cache()
    for path in cache.glob("verilated*.o"):
        shutil.copyfile(path, folder / path.name)
    yield
    with suppress(OSError):  # the cache cannot be written
        cache.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("verilated*.o"):  # a bench without cocotb has fewer objects, so each is looked for
            if not (cache / path.name).exists():
                with tempfile.TemporaryDirectory(dir=cache) as temporary:
                    shutil.copyfile(path, whole := Path(temporary) / path.name)
                    whole.rename(cache / path.name)


def _cache() -> Path:
    """The cache folder for this Verilator and this compiler. XDG_CACHE_HOME moves it."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    about = subprocess.run([compiler(), "--version"], capture_output=True, text=True).stdout
    key = hashlib.sha256(f"{version('verilator')} {verilator_root()} {compiler()} {about}".encode()).hexdigest()[:16]
    return Path(root) / "tbn-hw" / f"verilator-{key}"
