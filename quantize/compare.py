"""Compares number formats on one topology: ``python -m quantize.compare --model tbn_lenet --data DIR --epochs 10``.

Full precision, BWN (binary weights, real activations), XNOR-Net style (both binary) and TBN, with the same recipe, the
same epochs and the same seeds. A finished run is not repeated, a stopped one goes on; results are in compare.csv.
"""

from __future__ import annotations

import argparse
import csv
import io
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from quantize.data import DataError, Dataset
from quantize.exact import exact
from quantize.network import write_atomically
from quantize.spec import Spec, load_spec
from quantize.strategy import STRATEGIES, Strategy
from quantize.train import check_device, finish, load_data
from quantize.trainer import Trainer, evaluate

RESULTS = "compare.csv"
LABELS: dict[Strategy, str] = {"full": "full precision", "BWN": "BWN", "XNOR": "XNOR-Net", "TBN": "TBN"}


@dataclass(frozen=True)
class Result:
    """Accuracies of one run on all test pictures in percent; that as ``integer`` is None where activations are real."""

    strategy: Strategy
    seed: int
    accuracy: float
    integer: float | None


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 ok, 1 model, data or a run's folder refused, 2 usage."""
    options = _options(arguments)

    def work() -> None:
        spec = load_spec(options.model)
        Console().print(table(compare(spec, load_data(spec, options.data), options)))

    return finish(work)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m quantize.compare", description=__doc__)
    parser.add_argument("--model", required=True, help="model file, or name of a packaged model")
    parser.add_argument("--data", type=Path, help="folder of the data set's files")
    parser.add_argument("--output", type=Path, help="folder for runs and results (default: build/<model>/compare)")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--images", type=int, help="train on the first ones only; instead of the recipe's")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each, with seeds from 0 (default: 3)")
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES, default=list(STRATEGIES), help="(default: all)")
    parser.add_argument("--threads", type=int, help="of the CPU (default: torch's own)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args(arguments)
    for name in ("epochs", "images", "seeds", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            parser.error(f"--{name} must be at least 1, not {value}")
    check_device(parser, options.device)
    if options.threads:
        torch.set_num_threads(options.threads)
    return options


def compare(spec: Spec, dataset: Dataset, options: argparse.Namespace) -> list[Result]:
    """Train what has no result yet, seed by seed, and return all results. Nothing is distilled."""
    output = options.output or Path("build") / spec.name / "compare"
    changed = {"epochs": options.epochs, "images": options.images}
    spec = spec.with_train(distill=None, **{key: value for key, value in changed.items() if value is not None})
    file = output / RESULTS
    output.mkdir(parents=True, exist_ok=True)
    known = {(result.strategy, result.seed): result for result in _read(file)}
    results = []
    for seed in range(options.seeds):
        for strategy in options.strategies:
            seeded, folder = spec.with_train(seed=seed), output / f"{strategy}-{seed}"
            trainer = Trainer(seeded, dataset, folder, options.device, strategy=strategy)
            done = trainer.epoch == spec.train.epochs  # the checkpoint is of this very recipe, else it is refused
            if not done or (strategy, seed) not in known:
                known[strategy, seed] = _run(trainer, strategy, seed)
                _write(file, list(known.values()))
            results.append(known[strategy, seed])
    return results


def _run(trainer: Trainer, strategy: Strategy, seed: int) -> Result:
    real, integer = trainer.fit(), None
    if strategy in ("XNOR", "TBN"):
        dataset = trainer.dataset
        integer = evaluate(exact(trainer.model.cpu()), dataset.test_images, dataset.test_labels)
    return Result(strategy, seed, real, integer)


def _read(file: Path) -> list[Result]:
    if not file.is_file():
        return []
    try:
        with file.open(newline="") as text:
            return [Result(row["strategy"], int(row["seed"]), float(row["accuracy"]),  # type: ignore[arg-type]
                           float(row["integer"]) if row["integer"] else None) for row in csv.DictReader(text)]
    except (KeyError, ValueError, TypeError):
        raise DataError(f"{file}: is no table of results; remove it, the runs' folders hold all it needs") from None


def _write(file: Path, results: Sequence[Result]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["strategy", "seed", "accuracy", "integer"])
    writer.writeheader()
    writer.writerows(asdict(result) for result in results)
    write_atomically(file, text.getvalue().encode())


def table(results: Sequence[Result]) -> Table:
    """Mean and standard deviation over the seeds, and what each gains over XNOR-Net, seed by seed."""
    shown = Table("numbers", "seeds", "accuracy %", "as integers %", "over XNOR-Net")
    by = {(result.strategy, result.seed): result.accuracy for result in results}
    for strategy in dict.fromkeys(result.strategy for result in results):
        own = [result for result in results if result.strategy == strategy]
        integers = [result.integer for result in own if result.integer is not None]
        gaps = [result.accuracy - by["XNOR", result.seed] for result in own if ("XNOR", result.seed) in by]
        shown.add_row(LABELS[strategy], str(len(own)), spread([result.accuracy for result in own]), spread(integers),
                      spread(gaps, "+") if strategy != "XNOR" else "")
    return shown


def spread(values: Sequence[float], sign: str = "") -> str:
    """Mean and sample standard deviation as text: ``84.20 +- 0.13``; nothing of no values."""
    if not values:
        return ""
    deviation = f" +- {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):{sign}.2f}{deviation}"


if __name__ == "__main__":
    sys.exit(main())
