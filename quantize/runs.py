"""Several trainings of one model, one after the other, in one table. Each runs once, and resumes where it stopped."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch

from quantize.data import DataError, Dataset
from quantize.exact import exact
from quantize.files import write_atomically
from quantize.spec import Spec
from quantize.strategy import Strategy
from quantize.trainer import Trainer, evaluate, taught


@dataclass(frozen=True)
class Run:
    """A training: its name, its model with the recipe and seed, and its number format."""

    name: str
    spec: Spec
    strategy: Strategy = "TBN"


@dataclass(frozen=True)
class Result:
    """Accuracies of one run on all test pictures, in percent. ``integer`` is None if activations are real."""

    name: str
    seed: int
    accuracy: float
    integer: float | None


def finished(runs: Iterable[Run], dataset: Dataset, output: Path, file: str, **how: Any) -> list[Result]:
    """Train the runs that have no result in ``output / file`` yet, and return all results in the order of the runs.

    Each run has a folder of its own in ``output``; ``how`` goes to the `Trainer`.

    Raises
    ------
    DataError
        If the file is no table of results.
    CheckpointError
        If a folder holds a run of another model or recipe.
    """
    output.mkdir(parents=True, exist_ok=True)
    known = {(result.name, result.seed): result for result in _read(output / file)}
    results = []
    for run in runs:
        seed = run.spec.train.seed
        folder = output / f"{run.name}-{seed}"
        torch.compiler.reset()  # torch compiles a function for few models only, and runs more uncompiled
        teacher = taught(run.spec, dataset, folder / "teacher", **how)
        trainer = Trainer(run.spec, dataset, folder, strategy=run.strategy, teacher=teacher, **how)
        done = trainer.epoch == run.spec.train.epochs  # a checkpoint of another recipe was refused
        if not done or (run.name, seed) not in known:
            known[run.name, seed] = _run(trainer, run)
            _write(output / file, list(known.values()))
        results.append(known[run.name, seed])
    return results


def _run(trainer: Trainer, run: Run) -> Result:
    real, integer = trainer.fit(), None
    if run.strategy in ("XNOR", "TBN"):
        dataset = trainer.dataset
        integer = evaluate(exact(trainer.model.cpu()), dataset.test_images, dataset.test_labels)
    return Result(run.name, run.spec.train.seed, real, integer)


def _read(file: Path) -> list[Result]:
    if not file.is_file():
        return []
    try:
        with file.open(newline="") as text:
            return [Result(row["name"], int(row["seed"]), float(row["accuracy"]),
                           float(row["integer"]) if row["integer"] else None) for row in csv.DictReader(text)]
    except OSError:
        raise
    except Exception:  # no text, no table, or no numbers in it
        raise DataError(f"{file}: is no table of results; remove it, the runs' folders hold all it needs") from None


def _write(file: Path, results: Sequence[Result]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in fields(Result)])
    writer.writeheader()
    writer.writerows(asdict(result) for result in results)
    write_atomically(file, text.getvalue().encode())


def rows(results: Sequence[Result], base: str) -> list[tuple[str, str, str, str, str]]:
    """Rows of a table: name, seeds, float accuracy, integer accuracy, and the gain over the run ``base``, seed by seed.

    Accuracies and gain are means and sample standard deviations."""
    found = []
    by = {(result.name, result.seed): result.accuracy for result in results}
    for name in dict.fromkeys(result.name for result in results):
        own = [result for result in results if result.name == name]
        integers = [result.integer for result in own if result.integer is not None]
        gaps = [result.accuracy - by[base, result.seed] for result in own if (base, result.seed) in by]
        found.append((name, str(len(own)), spread([result.accuracy for result in own]), spread(integers),
                      spread(gaps, "+") if name != base else ""))
    return found


def spread(values: Sequence[float], sign: str = "") -> str:
    """Mean and sample standard deviation as text: ``84.20 +- 0.13``. Without values the text is empty."""
    if not values:
        return ""
    deviation = f" +- {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):{sign}.2f}{deviation}"
