"""The training loop."""

from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor, nn

from quantize.augment import augment
from quantize.checkpoint import CheckpointError, load_checkpoint, restore_random, save_checkpoint
from quantize.data import Dataset
from quantize.layers import Conv, Dense
from quantize.model import build_module
from quantize.spec import Spec, Train

CHECKPOINT = "checkpoint.pt"
METRICS = "metrics.csv"
_FOREIGN = "{file}: is of another model or recipe; choose another --output or remove it"


class TrainError(RuntimeError):
    """Training that cannot go on; the message is one sentence."""


class Trainer:
    """Trains ``spec``'s network on ``dataset`` and writes a checkpoint and a line of metrics each epoch.

    ``output`` is the folder for both; a checkpoint found there is resumed, exactly. The recipe comes from ``spec``.

    Raises
    ------
    TrainError
        If the loss or a weight stops being a number.
    CheckpointError
        If the checkpoint is damaged or of another model or recipe.
    """

    def __init__(self, spec: Spec, dataset: Dataset, output: Path, device: str = "cpu", compiled: bool = False) -> None:
        self.spec, self.dataset, self.output, self.device = spec, dataset, output, torch.device(device)
        recipe = spec.train
        torch.manual_seed(recipe.seed)
        self.random = np.random.default_rng(recipe.seed)
        self.model = build_module(spec).to(self.device)
        self.forward = torch.compile(self.model) if compiled else self.model
        self.optimizer = _optimizer(self.model, recipe)
        self.epoch = 0
        self.recipe = _recipe(spec)
        if (output / CHECKPOINT).is_file():
            self._resume(output / CHECKPOINT)

    def _resume(self, file: Path) -> None:
        state = load_checkpoint(file)
        if state["model"] != self.spec.name or state["recipe"] != self.recipe:
            raise CheckpointError(_FOREIGN.format(file=file))
        try:
            self.model.load_state_dict(state["weights"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError):
            raise CheckpointError(_FOREIGN.format(file=file)) from None
        self.epoch = state["epoch"]
        restore_random(state, self.random)

    def start(self, file: Path) -> None:
        """Take the weights of another checkpoint of this model, but nothing else of it."""
        try:
            self.model.load_state_dict(load_checkpoint(file)["weights"])
        except RuntimeError:
            raise CheckpointError(f"{file}: its weights are not those of {self.spec.name}") from None

    def fit(self, console: Console | None = None) -> float:
        """Train to the recipe's last epoch and return the test accuracy in percent."""
        recipe, steps = self.spec.train, len(self.dataset.train_images) // self.spec.train.batch
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   TextColumn("left"), TimeRemainingColumn(elapsed_when_finished=True))
        accuracy = math.nan
        with Progress(*columns, console=console or Console(stderr=True)) as progress:
            task = progress.add_task(self.spec.name, total=recipe.epochs * steps, completed=self.epoch * steps)
            while self.epoch < recipe.epochs:
                start = time.monotonic()
                loss = self._run_epoch(steps, lambda: progress.advance(task))
                accuracy = evaluate(self.model, self.dataset.test_images, self.dataset.test_labels, self.device)
                self.epoch += 1
                self._record(loss, accuracy, time.monotonic() - start)
                progress.console.print(f"epoch {self.epoch}/{recipe.epochs}: loss {loss:.3f}, "
                                       f"test accuracy {accuracy:.2f} %, {time.monotonic() - start:.0f} s")
        if math.isnan(accuracy):
            accuracy = evaluate(self.model, self.dataset.test_images, self.dataset.test_labels, self.device)
        return accuracy

    def _run_epoch(self, steps: int, advance: Callable[[], None]) -> float:
        recipe, total = self.spec.train, 0.0
        self.model.train()
        order = self.random.permutation(len(self.dataset.train_images))
        for step in range(steps):
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(recipe, self.epoch * steps + step, steps)
            chosen = order[step * recipe.batch : (step + 1) * recipe.batch]
            images = augment(self.dataset.train_images[chosen], recipe.augment, self.random)
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
        return total / max(steps, 1)

    def _step(self, images: Tensor, labels: Tensor) -> float:
        recipe = self.spec.train
        images, labels = images.to(self.device), labels.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            logits = self.forward(images)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            for weight in binary_weights(self.model):
                weight.clamp_(-1, 1)
        return float(loss.detach())

    def _record(self, loss: float, accuracy: float, seconds: float) -> None:
        state = {"model": self.spec.name, "weights": self.model.state_dict(), "epoch": self.epoch,
                 "optimizer": self.optimizer.state_dict(), "recipe": self.recipe}
        file = self.output / METRICS
        rows = [row for row in _rows(file) if int(row[0]) < self.epoch]  # none of a later epoch that a kill undid
        rows.append([str(self.epoch), f"{loss:.5f}", f"{accuracy:.2f}", f"{seconds:.1f}"])
        part = file.with_name(f".{file.name}.part")
        with part.open("w", newline="") as text:
            csv.writer(text).writerows([["epoch", "loss", "test_accuracy", "seconds"], *rows])
        os.replace(part, file)
        save_checkpoint(self.output / CHECKPOINT, state, self.random)


def _rows(file: Path) -> list[list[str]]:
    if not file.is_file():
        return []
    with file.open(newline="") as text:
        return [row for row in csv.reader(text) if row and row[0].isdigit()]


def _recipe(spec: Spec) -> str:
    """All that decides the trained weights, as text."""
    return spec.model_dump_json(include={"layers", "train", "input", "dataset"})


def binary_weights(model: nn.Module) -> list[nn.Parameter]:
    """Return the real weights behind the binary ones."""
    return [
        module.weight for module in model.modules() if isinstance(module, Conv | Dense) and module.weights == "binary"
    ]


def _optimizer(model: nn.Module, recipe: Train) -> torch.optim.Optimizer:
    binary = {id(weight) for weight in binary_weights(model)}
    plain = [p for p in model.parameters() if id(p) not in binary]
    groups = [{"params": binary_weights(model), "weight_decay": 0.0},
              {"params": [p for p in plain if p.dim() > 1], "weight_decay": recipe.weight_decay},
              {"params": [p for p in plain if p.dim() == 1], "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum)
    return torch.optim.Adam(groups, lr=recipe.learning_rate)


def learning_rate(recipe: Train, step: int, steps: int) -> float:
    """Return the rate of a step: a linear warm-up, then a cosine to zero. ``steps`` is of one epoch."""
    warm_up, last = recipe.warm_up * steps, recipe.epochs * steps
    if step < warm_up:
        return recipe.learning_rate * (step + 1) / (warm_up + 1)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(last - warm_up, 1)))


def evaluate(
    model: nn.Module, images: np.ndarray, labels: np.ndarray, device: torch.device | str = "cpu", batch: int = 250
) -> float:
    """Return the percentage of pictures whose largest logit is the label's, in the model's own type."""
    model.eval()
    correct = 0
    with torch.inference_mode():
        for start in range(0, len(images), batch):
            logits = model(torch.from_numpy(images[start : start + batch]).to(device))
            correct += int((logits.argmax(1).cpu().numpy() == labels[start : start + batch]).sum())
    return 100 * correct / len(images)
