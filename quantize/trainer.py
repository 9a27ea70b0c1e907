"""The training loop."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor, nn

from quantize.augment import augment, cut
from quantize.checkpoint import CheckpointError, load_checkpoint, restore_random, save_checkpoint, take_weights
from quantize.curve import draw_curve
from quantize.data import Dataset, Pixels
from quantize.distill import distill_loss
from quantize.group import Group
from quantize.limits import MOST_BATCH_BYTES, MOST_ELEMENTS
from quantize.metrics import Epoch, read_metrics, write_metrics
from quantize.model import Model, fault
from quantize.optimizer import binary_layers, build_optimizer, constrain, learning_rate, real_epochs, restore
from quantize.spec import Spec, Train
from quantize.strategy import Strategy, build_strategy

CHECKPOINT = "checkpoint.pt"
METRICS = "metrics.csv"
CURVE = "learning_curve.png"
_FOREIGN = "{file}: is of another model or recipe; choose another --output or remove it"


class TrainError(RuntimeError):
    """Training that cannot go on; the message is one sentence."""


class Trainer:
    """Trains ``spec``'s network on ``dataset`` and writes a checkpoint and a line of metrics each epoch.

    ``output`` is the folder for both; a checkpoint found there is resumed, exactly. The recipe comes from ``spec``;
    one that distills needs the ``teacher``, a trained module.

    Raises
    ------
    TrainError
        If the loss or a weight stops being a number.
    CheckpointError
        If the checkpoint is damaged or of another model or recipe.
    DataError
        If the folder's metrics are damaged.
    """

    def __init__(
        self, spec: Spec, dataset: Dataset, output: Path, device: str = "cpu", compiled: bool = False, *,
        strategy: Strategy = "TBN", teacher: Model | None = None, group: Group | None = None,
    ) -> None:
        self.spec, self.dataset, self.output, self.group = spec, dataset, output, group or Group(device)
        self.device = self.group.device
        self.name = spec.name if strategy == "TBN" else f"{spec.name}:{strategy}"
        self.teacher = teacher.eval() if teacher is not None else None
        recipe = spec.train
        if teacher is None and recipe.distill is not None:
            raise ValueError("a recipe that distills needs a teacher")
        if recipe.images is not None and recipe.images > len(dataset.train_images):
            raise TrainError(f"images must be at most the data set's {len(dataset.train_images)}, not {recipe.images}")
        self.images = recipe.images or len(dataset.train_images)
        if recipe.batch > self.images:
            raise TrainError(f"batch {recipe.batch} must be at most the number of training pictures {self.images}")
        if recipe.batch % self.group.size:
            raise TrainError(f"batch {recipe.batch} must be a multiple of the {self.group.size} processes")
        size = recipe.batch * math.prod(dataset.train_images.shape[1:])
        if size > MOST_BATCH_BYTES:
            raise TrainError(f"batch {recipe.batch} must have at most {MOST_BATCH_BYTES} bytes of pictures, not {size}")
        torch.manual_seed(recipe.seed)
        self.random = np.random.default_rng(recipe.seed)
        self.model = build_strategy(spec, strategy).to(self.device)
        self.binary = binary_layers(self.model)
        module = self.group.module(self.model)
        self.forward = torch.compile(module) if compiled else module
        self.optimizer = build_optimizer(self.model, recipe)
        self.epoch = 0
        self.recipe = _recipe(spec)
        output.mkdir(parents=True, exist_ok=True)
        read_metrics(output / METRICS)  # now, and not after an epoch's work
        if (output / CHECKPOINT).is_file():
            self._resume(output / CHECKPOINT)

    def _resume(self, file: Path) -> None:
        state, foreign = load_checkpoint(file), _FOREIGN.format(file=file)
        if state.model != self.name or _whole(state.recipe) != json.loads(self.recipe):
            raise CheckpointError(foreign)
        if state.epoch > self.spec.train.epochs:
            raise CheckpointError(f"{file}: its epoch must be at most the recipe's {self.spec.train.epochs}, "
                                  f"not {state.epoch}")
        take_weights(self.model, state.weights, foreign)
        wrong = fault(self.model)
        if wrong is not None:
            raise CheckpointError(f"{file}: {wrong}")
        try:
            restore(self.optimizer, state.optimizer)
        except ValueError as error:
            raise CheckpointError(f"{file}: its optimizer cannot go on; {error}") from None
        self.epoch = state.epoch
        restore_random(file, state, self.random)

    def start(self, file: Path) -> None:
        """Take the weights of another checkpoint of this model, but nothing else of it."""
        weights = load_checkpoint(file).weights
        take_weights(self.model, weights, f"{file}: its weights are not those of {self.spec.name}")

    def fit(self, console: Console | None = None) -> float:
        """Train to the recipe's last epoch and return the test accuracy in percent."""
        recipe, steps = self.spec.train, self.images // self.spec.train.batch
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   TextColumn("left"), TimeRemainingColumn(elapsed_when_finished=True))
        accuracy, others = math.nan, self.group.rank > 0
        with Progress(*columns, console=console or Console(stderr=True, quiet=others), disable=others) as progress:
            task = progress.add_task(self.name, total=recipe.epochs * steps, completed=self.epoch * steps)
            while self.epoch < recipe.epochs:
                start = time.monotonic()
                loss = self._run_epoch(steps, lambda: progress.advance(task))
                accuracy = self._evaluate()
                self.epoch += 1
                self._record(loss, accuracy, time.monotonic() - start)
                progress.console.print(f"epoch {self.epoch}/{recipe.epochs}: loss {loss:.3f}, "
                                       f"test accuracy {accuracy:.2f} %, {time.monotonic() - start:.0f} s")
        self._real_weights(False)
        if self.group.rank == 0:
            draw_curve(read_metrics(self.output / METRICS), self.output / CURVE)
        return self._evaluate() if math.isnan(accuracy) else accuracy

    def _evaluate(self) -> float:
        data, accuracy = self.dataset, 0.0
        if self.group.rank == 0:
            accuracy = evaluate(self.model, data.test_images, data.test_labels, self.device)
        return self.group.first(accuracy)

    def _run_epoch(self, steps: int, advance: Callable[[], None]) -> float:
        recipe, total = self.spec.train, 0.0
        self._real_weights(self.epoch < real_epochs(recipe))
        self.model.train()
        order = self.random.permutation(self.images)
        batches = order[: steps * recipe.batch].reshape(steps, recipe.batch)[:, self.group.rank :: self.group.size]
        for step, (chosen, images) in enumerate(_ahead(self.dataset, batches)):
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(recipe, self.epoch * steps + step, steps)
            images = cut(augment(images, recipe.augment, self.random), self.spec.input.shape[:2], self.random)
            loss = self._step(torch.from_numpy(images), torch.from_numpy(self.dataset.train_labels[chosen]))
            if not math.isfinite(loss):
                raise TrainError(f"the loss is {loss} in epoch {self.epoch + 1}, step {step + 1}; "
                                 "a smaller learning_rate helps most often")
            total += loss
            advance()
        for name, value in self.model.state_dict().items():  # thresholds can hide them from the loss
            if not torch.isfinite(value).all():
                raise TrainError(f"{name} is not finite after epoch {self.epoch + 1}; "
                                 "a smaller learning_rate helps most often")
        return total / steps

    def _step(self, images: Tensor, labels: Tensor) -> float:
        recipe = self.spec.train
        images, labels = images.to(self.device), labels.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            logits = self.forward(images)
        logits = logits.float()
        loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
        if self.teacher is not None and recipe.distill is not None:
            with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16, recipe.precision == "bfloat16"):
                taught = self.teacher(images).float()
            loss = distill_loss(logits, taught, loss, recipe.distill)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        constrain(self.binary, recipe.balance)
        return self.group.mean(float(loss.detach()))

    def _real_weights(self, real: bool) -> None:
        for layer in self.binary:
            layer.weights = "float32" if real else "binary"

    def _record(self, loss: float, accuracy: float, seconds: float) -> None:
        if self.group.rank > 0:
            return
        state = {"model": self.name, "weights": self.model.state_dict(), "epoch": self.epoch,
                 "optimizer": self.optimizer.state_dict(), "recipe": self.recipe}
        file = self.output / METRICS
        rows = [row for row in read_metrics(file) if row.epoch < self.epoch]  # none of an epoch that a kill undid
        write_metrics(file, [*rows, Epoch(self.epoch, loss, accuracy, seconds)])
        save_checkpoint(self.output / CHECKPOINT, state, self.random)


def _ahead(dataset: Dataset, batches: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each batch's numbers and pictures, and read the next ones meanwhile."""
    read = dataset.train_images.__getitem__
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read, batches[0])
        for index, chosen in enumerate(batches):
            images = reading.result()
            if index + 1 < len(batches):
                reading = pool.submit(read, batches[index + 1])
            yield chosen, images


def _recipe(spec: Spec) -> str:
    """All that decides the trained weights, as text."""
    return spec.model_dump_json(include={"layers", "train", "input", "dataset"})


def _whole(recipe: str) -> Any:
    """A checkpoint's recipe with the defaults of keys that are younger than it; None if it is no recipe."""
    try:
        values = json.loads(recipe)
        return {**values, "train": {**Train().model_dump(mode="json"), **values["train"]}}
    except (ValueError, KeyError, TypeError):
        return None


def evaluate(
    model: nn.Module, images: Pixels, labels: np.ndarray, device: torch.device | str = "cpu", batch: int = 250
) -> float:
    """Return the percentage of pictures whose largest logit is the label's, in the model's own type."""
    return 100 * float((classify(model, images, device, batch) == labels).mean())


def classify(
    model: nn.Module, images: Pixels, device: torch.device | str = "cpu", batch: int = 250
) -> np.ndarray:
    """Return the class of each picture, int64 (n): that of its largest logit, in the model's own type."""
    model.eval()
    batch = min(batch, 1 + 4 * MOST_ELEMENTS // math.prod(images.shape[1:]))  # fewer where they are large
    with torch.inference_mode():
        found = [model(torch.from_numpy(images[start : start + batch]).to(device)).argmax(1).cpu().numpy()
                 for start in range(0, len(images), batch)]
    return np.concatenate(found)


def taught(spec: Spec, dataset: Dataset, folder: Path, **how: Any) -> Model | None:
    """Return the full-precision network that the recipe distills from, trained in ``folder``; None if it does not.

    ``how`` goes to its `Trainer`.
    """
    if spec.train.distill is None:
        return None
    teacher = Trainer(spec.with_train(distill=None, real_weights=0.0), dataset, folder, strategy="full", **how)
    if teacher.epoch < spec.train.epochs:
        teacher.fit()
    return teacher.model
