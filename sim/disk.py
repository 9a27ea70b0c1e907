"""A full disk: how it is noticed, and which folder it holds."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a disk without space, and of a user who may have no more of it."""
SPARE = 1 << 16
"""With fewer bytes than these a tool's failure is the disk's. Some tools do not look whether they can write."""


def full_disk(folder: Path, log: str = "") -> OSError | None:
    """The error of a full disk that let a tool fail in `folder` and print `log`; None if the disk is not the cause."""
    said = next((number for number in FULL if os.strerror(number) in log), None)
    fullest = _fullest(folder)
    if said is None and shutil.disk_usage(fullest).free >= SPARE:
        return None
    return out_of_space(folder, said or errno.ENOSPC)


def out_of_space(folder: Path, number: int = errno.ENOSPC) -> OSError:
    """An error that names the folder without space: `folder`, or that of temporary files if its disk has less."""
    return OSError(number, os.strerror(number), str(_fullest(folder)))


def _fullest(folder: Path) -> Path:
    return min(folder, Path(tempfile.gettempdir()), key=lambda each: shutil.disk_usage(each).free)
