"""An exploration. Any executor of `concurrent.futures` works out its points, and a folder keeps them."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

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

SECONDS_TO_CONNECT = 10


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
                    content = json.dumps({"key": jobs[name].key, **found[name]}, indent=1)
                    write_atomically(self._file(stage, name), content.encode())
                    step(name, len(found), len(jobs))
            finally:
                for future in futures:
                    future.cancel()
        return {name: found[name] for name in jobs}

    def _kept(self, stage: str, name: str, key: str) -> dict[str, Any] | None:
        try:
            found = json.loads(self._file(stage, name).read_text())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and found.pop("key", None) == key else None

    def _file(self, stage: str, name: str) -> Path:
        folder = self._folder / "points" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{stage}.json"


def explore(options: Options, executor: Executor, console: Console) -> list[dict[str, Any]]:
    """Work out the points and write the table, the plot and each point's folding; returns the points.

    Raises DoesNotFit where no target fits, and what `load` raises.
    """
    known = {target.name: target for target in options.targets}
    loaded = load(options.model, options.weights)
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
    from distributed import Client

    try:
        client = Client(scheduler, timeout=SECONDS_TO_CONNECT)
    except (OSError, ValueError) as error:
        raise UsageError(f"--scheduler: no Dask cluster answers at {scheduler}; {error}") from None
    with client, client.get_executor(pure=False) as executor:
        yield executor
