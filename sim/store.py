"""A folder that builds of one machine may share: what was made there once, of one content, is not made again."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STORE = "TBN_HW_STORE"
"""The environment variable that names the folder."""


def shared(kind: str, own: Path) -> Path:
    """The folder of one `kind` in the shared store; `own` where no store is named."""
    store = os.environ.get(STORE)
    return Path(store) / kind if store else own


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait until no other process makes what belongs into `folder`, a folder that need not be there yet."""
    with (folder.parent / f".{folder.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
