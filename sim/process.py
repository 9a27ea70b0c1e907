"""Processes that never outlive this one: how they are started, watched and ended, and how a failure is reported."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sim.disk import full_disk

LOG_LINES = 15


class ProcessFailed(Exception):
    """A process that ended with an error: its exit status, then the last lines of its log."""


def execute(command: list[str], log: Path, *, cwd: Path, env: dict[str, str] | None = None,
            watch: Callable[[], None] | None = None) -> None:
    """Run `command` in the folder `cwd` with all its output in `log`.

    The command gets a process group of its own. The group is killed if this function is left while the command runs.
    The pipe at the command's standard input closes when this process dies, so that `sim.bench.worker` can end itself.
    `env` adds to this process's environment. While the command runs, `watch` is called about every 0.2 s.

    Raises ProcessFailed with the end of the log when the exit status is not 0, and OSError if a full disk is the cause.
    """
    environment = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
    environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=cwd, env=environment | (env or {}), stdin=subprocess.PIPE,
                                   stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            pause = 0.01
            while process.poll() is None:
                time.sleep(pause)
                pause = min(0.2, 1.5 * pause)
                if watch is not None:
                    watch()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdin is not None:
                process.stdin.close()
    if process.returncode:
        end = log_end(log)
        full = full_disk(cwd, end)
        if full is not None:
            raise full
        raise ProcessFailed(f"exit status {process.returncode}; {log} ends:\n{end}")


def log_end(log: Path) -> str:
    """The last `LOG_LINES` lines of a log."""
    return "\n".join(log.read_text(errors="replace").rstrip().splitlines()[-LOG_LINES:])


def end_with_parent() -> None:
    """Make this process end when its parent ends in any way. A pool's workers do not do so by themselves."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
