"""The training loop."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
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
from quantize.expand import Step
from quantize.fused import fuse
from quantize.group import Group
from quantize.limits import MOST_BATCH_BYTES, MOST_ELEMENTS
from quantize.metrics import Epoch, read_metrics, write_metrics
from quantize.model import Model, fault
from quantize.optimizer import binary_layers, build_optimizer, constrain, learning_rate, real_epochs, restore
from quantize.spec import Spec, Train
from quantize.strategy import Strategy, build_strategy
from quantize.trained import load_model

CHECKPOINT = "checkpoint.pt"
METRICS = "metrics.csv"
CURVE = "learning_curve.png"
_FOREIGN = "{file}: is of another model or recipe; choose another --output or remove it"


class TrainError(RuntimeError):
    """Training that cannot go on; the message is one sentence."""


def _check_memory(spec: Spec) -> None:
    """Raise TrainError where what a step keeps for its gradients is certainly more than the machine's memory."""
    kept = spec.train.batch * _kept(spec.steps()) * (2 if spec.train.precision == "bfloat16" else 4)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if kept > memory:
        raise TrainError(f"batch {spec.train.batch} keeps at least {kept / 1e9:.0f} GB of convolutions' results for "
                         f"the gradients, and this machine has {memory / 1e9:.0f} GB; choose a smaller batch")


def _kept(steps: Iterable[Step]) -> int:
    """The results of convolutions for one picture. The batch norm behind each keeps them."""
    return sum(_kept(step.body) + (math.prod(step.output) if step.kind == "conv" else 0) for step in steps)


class Trainer:
    """Trains ``spec``'s network on ``dataset`` and writes a checkpoint and a line of metrics each epoch.

    The metrics' accuracy is measured in the recipe's precision.

    ``output`` is the folder for both. A checkpoint found there is resumed exactly. The recipe comes from ``spec``. A
    recipe that distills, or that starts from the full-precision network, needs that network as ``teacher``.

    Raises
    ------
    TrainError
        If the loss or a weight stops being a number, or a batch is larger than the data set or the memory.
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
        recipe = spec.train
        if teacher is None and spec.with_full() is not None:
            raise ValueError("a recipe that distills or starts from the full-precision network needs a teacher")
        self.teacher = _compile(teacher.eval(), compiled) if teacher is not None and recipe.distill else None
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
        if self.device.type == "cpu":
            _check_memory(spec)
        torch.manual_seed(recipe.seed)
        self.random = np.random.default_rng(recipe.seed)
        self.model = build_strategy(spec, strategy).to(self.device)
        self.binary = binary_layers(self.model)
        if compiled and self.device.type == "cpu":
            fuse(self.model)
        self.forward = _compile(self.group.module(self.model), compiled)
        self.predict = _compile(self.model, compiled)
        self.optimizer = build_optimizer(self.model, recipe)
        self.epoch = 0
        self.recipe = _recipe(spec)
        output.mkdir(parents=True, exist_ok=True)
        read_metrics(output / METRICS)  # refuse damaged metrics now, not after an epoch
        if (output / CHECKPOINT).is_file():
            self._resume(output / CHECKPOINT)
        elif teacher is not None and recipe.start == "full":
            self._start_full(teacher)

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

    def _start_full(self, teacher: Model) -> None:
        """Take the teacher's weights. It has no values for the quantisers, so theirs stay as they are."""
        missing, unknown = self.model.load_state_dict(teacher.state_dict(), strict=False)
        assert not unknown and all(name.endswith((".delta", ".peak")) for name in missing)

    def start(self, file: Path, redraw: float | None = None) -> None:
        """Take only the weights of another checkpoint of this model, or of a file of `save_trained`.

        With ``redraw`` only the signs of binary weights are taken. The real weights behind them get magnitudes of a
        normal distribution, with this mean. After a long training they are large, and their signs do not change any
        more.
        """
        self.model.load_state_dict(load_model(self.spec, file).state_dict())
        if redraw is not None:
            with torch.no_grad():
                for layer in self.binary:
                    size = torch.randn_like(layer.weight).abs()
                    layer.weight.copy_(torch.sign(layer.weight) * size * (redraw / size.mean()))

    def fit(self, console: Console | None = None) -> float:
        """Train to the recipe's last epoch and return the test accuracy in percent."""
        recipe, steps = self.spec.train, self.images // self.spec.train.batch
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   TextColumn("left"), TimeRemainingColumn(elapsed_when_finished=True))
        others = self.group.rank > 0
        with Progress(*columns, console=console or Console(stderr=True, quiet=others), disable=others) as progress:
            task = progress.add_task(self.name, total=recipe.epochs * steps, completed=self.epoch * steps)
            while self.epoch < recipe.epochs:
                start = time.monotonic()
                loss = self._run_epoch(steps, lambda: progress.advance(task))
                accuracy = self.evaluate(self.predict, recipe.precision)
                self.epoch += 1
                self._record(loss, accuracy, time.monotonic() - start)
                progress.console.print(f"epoch {self.epoch}/{recipe.epochs}: loss {loss:.3f}, "
                                       f"test accuracy {accuracy:.2f} %, {time.monotonic() - start:.0f} s")
        self._real_weights(False)
        if self.group.rank == 0:
            draw_curve(read_metrics(self.output / METRICS), self.output / CURVE)
        return self.evaluate(self.model, "float32")

    def evaluate(self, model: nn.Module, precision: str) -> float:
        """Return the test accuracy in percent of this trainer's model, as it is or compiled."""
        data, accuracy = self.dataset, 0.0
        if self.group.rank == 0:
            with self._autocast(precision):
                accuracy = evaluate(model, data.test_images, data.test_labels, self.device)
        return self.group.first(accuracy)

    def _autocast(self, precision: str) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bfloat16")

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
        for name, value in self.model.state_dict().items():  # thresholds can hide bad values from the loss
            if not torch.isfinite(value).all():
                raise TrainError(f"{name} is not finite after epoch {self.epoch + 1}; "
                                 "a smaller learning_rate helps most often")
        return total / steps

    def _step(self, images: Tensor, labels: Tensor) -> float:
        loss = self.loss(images, labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.update()
        return self.group.mean(float(loss.detach()))

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a step, for uint8 pictures (n, h, w, c) and labels (n)."""
        recipe = self.spec.train
        images, labels = images.to(self.device), labels.to(self.device)
        with self._autocast(recipe.precision):
            logits = self.forward(images)
        logits = logits.float()
        loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
        if self.teacher is not None and recipe.distill is not None:
            with torch.no_grad(), self._autocast(recipe.precision):
                taught = self.teacher(images).float()
            loss = distill_loss(logits, taught, loss, recipe.distill)
        return loss

    def update(self) -> None:
        """Change the weights by their gradients."""
        self.optimizer.step()
        constrain(self.binary, self.spec.train.balance)

    def _real_weights(self, real: bool) -> None:
        for layer in self.binary:
            layer.weights = "float32" if real else "binary"

    def _record(self, loss: float, accuracy: float, seconds: float) -> None:
        if self.group.rank > 0:
            return
        state = {"model": self.name, "weights": self.model.state_dict(), "epoch": self.epoch,
                 "optimizer": self.optimizer.state_dict(), "recipe": self.recipe}
        file = self.output / METRICS
        rows = [row for row in read_metrics(file) if row.epoch < self.epoch]  # without epochs that a kill undid
        write_metrics(file, [*rows, Epoch(self.epoch, loss, accuracy, seconds)])
        save_checkpoint(self.output / CHECKPOINT, state, self.random)


def _ahead(dataset: Dataset, batches: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each batch's numbers and pictures. The next batch is read meanwhile."""
    read = dataset.train_images.__getitem__
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read, batches[0])
        for index, chosen in enumerate(batches):
            images = reading.result()
            if index + 1 < len(batches):
                reading = pool.submit(read, batches[index + 1])
            yield chosen, images


def _compile(module: nn.Module, compiled: bool) -> nn.Module:
    """Compile for a GPU. On the CPU `fuse` is faster."""
    if not compiled or next(module.parameters()).device.type == "cpu":
        return module
    return torch.compile(module, dynamic=False)  # type: ignore[return-value]  # one form for each of two batch sizes


def _recipe(spec: Spec) -> str:
    """Everything that decides the trained weights, as text."""
    return spec.model_dump_json(include={"layers", "train", "input", "dataset"})


def _whole(recipe: str) -> Any:
    """A checkpoint's recipe, with defaults for keys that were added after it was written; None if it is no recipe."""
    try:
        values = json.loads(recipe)
        return {**values, "train": {**Train().model_dump(mode="json"), **values["train"]}}
    except Exception:  # no JSON, too deep, or of another form
        return None


def evaluate(
    model: nn.Module, images: Pixels, labels: np.ndarray, device: torch.device | str = "cpu", batch: int = 250
) -> float:
    """Return the percentage of pictures whose largest logit is the label's, in the model's own type."""
    return 100 * float((classify(model, images, device, batch) == labels).mean())


def classify(
    model: nn.Module, images: Pixels, device: torch.device | str = "cpu", batch: int = 250
) -> np.ndarray:
    """Return the class of each picture's largest logit, int64 (n), in the model's own type."""
    model.eval()
    batch = min(batch, 1 + 4 * MOST_ELEMENTS // math.prod(images.shape[1:]))  # fewer if they are large
    with torch.inference_mode():
        found = [model(torch.from_numpy(images[start : start + batch]).to(device)).argmax(1).cpu().numpy()
                 for start in range(0, len(images), batch)]
    return np.concatenate(found)


def taught(spec: Spec, dataset: Dataset, folder: Path, **how: Any) -> Model | None:
    """Return the full-precision network that the recipe asks for, trained in ``folder``; None if it asks for none.

    ``how`` goes to its `Trainer`.
    """
    full = spec.with_full()
    if full is None:
        return None
    teacher = Trainer(full, dataset, folder, strategy="full", **how)
    if teacher.epoch < full.train.epochs:
        teacher.fit()
    torch.compiler.reset()  # torch keeps only as many compiled forms as one network may need
    return teacher.model
