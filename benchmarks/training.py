"""`python -m benchmarks.training`: the time of a training step's parts and of an epoch, on one thread.

The same recipe in three ways, a step of each in turn: layer by layer, as torch runs them; through `torch.compile`; and
with the functions of `quantize.fused`, which `--compile` of `quantize.train` uses on a CPU. The first two are evaluated
in float32 and layer by layer, the last in the recipe's precision. Pictures are random. Times are those of a CPU, the
median of the steps, as other work may share the machine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
import torch
from rich.console import Console

from benchmarks.tables import Row, show, write_csv
from quantize.augment import augment
from quantize.data import Dataset
from quantize.spec import load_spec
from quantize.trainer import Trainer

PARTS = ("pictures", "forward", "backward", "update")
WAYS = ("layers", "torch.compile", "fused")
TRAIN, TEST, TESTED = 50_000, 10_000, 500
"""Pictures of an epoch and of the evaluation that ends it, as in CIFAR-10, and how many of the latter are timed."""


def trainer(way: str, model: str, folder: Path) -> Trainer:
    """A trainer of random pictures, by one of the `WAYS`."""
    spec, random = load_spec(model), np.random.default_rng(0)
    images = random.integers(0, 256, (max(TESTED, spec.train.batch), *spec.input.shape), np.uint8)
    labels = random.integers(0, len(spec.classes), len(images))
    data = Dataset(images, labels, images[:TESTED], labels[:TESTED])
    made = Trainer(spec.with_train(distill=None, start="random"), data, folder / way, compiled=way == "fused")
    if way == "torch.compile":
        made.forward = torch.compile(made.model)  # type: ignore[assignment]
    return made


def step(trained: Trainer) -> dict[str, float]:
    """The seconds of one step's parts."""
    recipe, dataset = trained.spec.train, trained.dataset
    trained.model.train()
    times = [time.process_time()]
    chosen = trained.random.permutation(len(dataset.train_labels))[: recipe.batch]
    images = torch.from_numpy(augment(dataset.train_images[chosen], recipe.augment, trained.random))
    times.append(time.process_time())
    loss = trained.loss(images, torch.from_numpy(dataset.train_labels[chosen]))
    times.append(time.process_time())
    trained.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    times.append(time.process_time())
    trained.update()
    times.append(time.process_time())
    return dict(zip(PARTS, np.diff(times).tolist(), strict=True))


def evaluation(way: str, trained: Trainer) -> float:
    """The seconds that the end of an epoch takes."""
    model, precision = (trained.predict, trained.spec.train.precision) if way == "fused" else (trained.model, "float32")
    trained.evaluate(model, precision)
    start = time.process_time()
    trained.evaluate(model, precision)
    return (time.process_time() - start) * TEST / TESTED


def compare(model: str, steps: int, ways: Sequence[str], folder: Path) -> list[Row]:
    """A row for each way of training one model; the last column is how much faster than the first way an epoch is."""
    trainers = {way: trainer(way, model, folder) for way in ways}
    parts: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(steps + 2):  # two to warm up
        for way, trained in trainers.items():
            parts[way].append(step(trained))
    rows: list[dict[str, float | str]] = []
    first = 0.0
    for way, trained in trainers.items():
        own = {part: 1e3 * median(times[part] for times in parts[way][2:]) for part in PARTS}
        whole = median(sum(times.values()) for times in parts[way][2:])
        end = evaluation(way, trained)
        epoch = TRAIN // trained.spec.train.batch * whole + end
        first = first or epoch
        rows.append({"model": model, "way": way, **own, "step": 1e3 * whole, "evaluation": end, "epoch": epoch,
                     "times": first / epoch})
    return list(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__.split("\n\n")[0])
    parser.add_argument("--models", nargs="+", default=["tbn_resnet", "tbn_cnv"])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--output", type=Path, default=Path("build/benchmarks"))
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    rows: list[Row] = []
    for model in options.models:
        with tempfile.TemporaryDirectory() as folder:
            rows += compare(model, options.steps, options.ways, Path(folder))
    show(Console(), "Training on one thread: a step of a batch and its parts in ms, evaluation and epoch in s", rows)
    write_csv(options.output / "training.csv", rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
