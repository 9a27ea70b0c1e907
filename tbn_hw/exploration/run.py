"""An exploration. Any executor of `concurrent.futures` works out its points, and a folder keeps them."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console

from quantize.files import write_atomically
from sim.process import end_with_parent
from tbn_hw.costs.model import cost_model
from tbn_hw.exploration.measured import built
from tbn_hw.exploration.options import Options
from tbn_hw.exploration.points import distinct, estimated, sweep
from tbn_hw.exploration.table import show, write
from tbn_hw.shared.errors import DoesNotFit, UsageError, WorkerKilled
from tbn_hw.shared.progress import progress
from tbn_hw.stages.keys import content_key, sources
from tbn_hw.stages.load import load

if TYPE_CHECKING:
    from distributed import Client

SECONDS_TO_CONNECT = 10
SECONDS_TO_GREET = 5
"""What a cluster may take to answer after it has accepted the connection."""


class Job(NamedTuple):
    """A function that may run anywhere, its arguments, and a hash of all that its result depends on."""

    function: Callable[..., dict[str, Any]]
    arguments: tuple[Any, ...]
    key: str


class Exploration:
    """The points of a network on some targets, worked out by any executor, and kept in a folder."""

    def __init__(self, folder: Path, executor: Executor, console: Console) -> None:
        self._folder, self._executor, self._console = folder, executor, console

    def work(self, stage: str, jobs: Mapping[str, Job]) -> dict[str, dict[str, Any]]:
        """The result of each job by its name. The result of an earlier run is taken if it has the same key."""
        found = {name: kept for name, job in jobs.items() if (kept := self._kept(stage, name, job.key)) is not None}
        with progress(stage, self._console) as step:
            step("", len(found), len(jobs))
            futures = {self._executor.submit(job.function, *job.arguments): name
                       for name, job in jobs.items() if name not in found}
            try:
                for future in as_completed(futures):
                    name = futures[future]
                    found[name] = future.result()
                    written = content_key(json.dumps(found[name]))
                    record = {"key": jobs[name].key, "hash": written, "found": found[name]}
                    write_atomically(self._file(stage, name), json.dumps(record, indent=1).encode())
                    step(name, len(found), len(jobs))
            finally:
                for future in futures:
                    future.cancel()
        return {name: found[name] for name in jobs}

    def _kept(self, stage: str, name: str, key: str) -> dict[str, Any] | None:
        """What an earlier run found, or None where there is nothing, something else or a damaged file."""
        try:
            record = json.loads(self._file(stage, name).read_text())
            found: dict[str, Any] = record["found"]
            whole = record["hash"] == content_key(json.dumps(found))
            return found if whole and record["key"] == key else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def _file(self, stage: str, name: str) -> Path:
        folder = self._folder / "points" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{stage}.json"


def explore(options: Options, executor: Executor, console: Console) -> list[dict[str, Any]]:
    """Work out the points and write the table, the plot and each point's folding; returns the points.

    Raises DoesNotFit where no target fits, and what `load` raises.
    """
    known = {target.name: target for target in options.targets}
    loaded = load(options.model, options.weights, estimate=options.until == "estimate")
    for note in loaded.notes:
        console.print(f"note: {note}")
    network, folder = loaded.network.to_bytes(), options.output or Path("build") / f"{loaded.name}-explore"
    run, code = Exploration(folder, executor, console), sources(estimated.__module__)
    keys = {name: content_key(network, code, target, cost_model(target.family)) for name, target in known.items()}
    wanted = {f"{target}/{cycles or 'fastest'}": (target, cycles)
              for target in known for cycles in (None, *sweep(loaded.network))}
    estimates = run.work("estimate", {name: Job(estimated, (network, target, cycles), keys[target])
                                      for name, (target, cycles) in wanted.items()})
    points = distinct([{"point": name, "target": wanted[name][0], **found}
                                      for name, found in estimates.items()])
    fitting = {point["target"] for point in points}
    for name, target in known.items():
        if name not in fitting:
            console.print(f"{name} ({target.part_name}): no folding of {loaded.name} fits")
    if not points:
        raise DoesNotFit(f"--targets: no folding of {loaded.name} fits; python -m tbn_hw.build --fps max --until fold "
                         "says what a --target lacks")
    if options.until == "synthesis":
        what = ["--model", options.model, *(["--weights", str(options.weights)] if options.weights else [])]
        jobs = {point["point"]: Job(built, ([*what, "--target", point["target"]], point["folding"],
                                                           str((folder / "points" / point["point"]).resolve())),
                                    content_key(keys[point["target"]], sources(built.__module__), point["folding"]))
                for point in points if point["front"]}
        for name, measured in run.work("synthesis", jobs).items():
            next(point for point in points if point["point"] == name)["measured"] = measured
    write(folder, loaded.name, points)
    show(points, console)
    console.print(f"written to {folder}")
    return points


def _worker() -> None:
    """Make this process end silently with its parent and at Ctrl-C."""
    signal.signal(signal.SIGINT, lambda number, frame: os._exit(1))
    end_with_parent()


@contextmanager
def executor_of(scheduler: str | None) -> Iterator[Executor]:
    """Processes of this machine, or the Dask cluster at an address."""
    if scheduler is None:
        try:
            with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn"), _worker) as pool:
                yield pool
        except BrokenProcessPool:
            raise WorkerKilled("explore") from None
        return
    client = _client(scheduler)
    with client, client.get_executor(pure=False) as executor:
        yield executor


def _client(scheduler: str) -> Client:
    """A client of the Dask cluster at an address; raises UsageError if none answers within SECONDS_TO_CONNECT.

    Dask waits without end for the greeting of what accepts its connection. So a thread that may be left waits for it.
    What Dask raises depends on the kind of the address, for each is a module of its own.
    """
    from distributed import Client

    attempt: Future[Client] = Future()

    def connect() -> None:
        try:
            attempt.set_result(Client(scheduler, timeout=SECONDS_TO_CONNECT))
        except Exception as error:
            attempt.set_exception(error)

    threading.Thread(target=connect, daemon=True).start()
    try:
        return attempt.result(SECONDS_TO_CONNECT + SECONDS_TO_GREET)
    except Exception as error:
        said = (str(error).splitlines() or ["what is there says nothing"])[0]
        raise UsageError(f"--scheduler: no Dask cluster answers at {scheduler}; {said}") from None
