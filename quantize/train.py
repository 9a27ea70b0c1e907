"""Trains a model, on a CPU or on GPUs; the same command goes on where one was stopped."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from quantize.checkpoint import CheckpointError
from quantize.command import EXITS, Parser, check_numbers, finish, sections, zoo
from quantize.data import DataError, Dataset, load_dataset
from quantize.fused import CompilerError
from quantize.group import Group
from quantize.spec import Spec, SpecError, load_spec
from quantize.text import printable
from quantize.trainer import CHECKPOINT, Trainer, TrainError, taught

EXAMPLES = (
    ("%(prog)s --model tbn_digits", "a model of the zoo whose data need no folder, in a minute"),
    ("%(prog)s --model tbn_resnet --data DIR", "one whose data set's files are in DIR"),
    ("%(prog)s --model my.yaml --start build/my/train/checkpoint.pt --output build/my/again",
     "a new training, from the weights of an earlier one"),
    ("torchrun --nproc-per-node 4 -m quantize.train --model tbn_resnet --data DIR",
     "on four GPUs, a quarter of every batch on each"),
)
DATA = (
    ("digits", "none; they come with scikit-learn"),
    ("mnist, fashion_mnist", "the idx files, in DIR or in DIR/<data set>, plain or compressed with gzip or xz"),
    ("cifar10", "the files of its binary version"),
    ("imagenet", "pictures in DIR/train/<class>/ and DIR/val/<class>/"),
)
WRITES = (
    ("checkpoint.pt", "weights, and all that going on needs; for quantize.export"),
    ("metrics.csv", "a row an epoch"),
    ("learning_curve.png", "the same as a plot, where matplotlib is installed"),
    ("teacher/", "the same files of the full-precision network, where the recipe asks for one"),
)


def main(arguments: list[str] | None = None, prog: str = "python -m quantize.train") -> int:
    """Run the command; 0 ok, 1 model, data or checkpoint refused, 2 usage, 130 stopped with Ctrl-C."""
    return finish_training(lambda: _run(_options(arguments, prog)))


def finish_training(work: Callable[[], None]) -> int:
    """Do the work of a command that trains; 0 ok, 1 model, data or a folder's content refused, told in one line."""
    refused = (SpecError, DataError, CheckpointError, TrainError, CompilerError)
    return finish(work, refused, "stopped; the same command goes on from the last finished epoch")


def _options(arguments: list[str] | None, prog: str) -> argparse.Namespace:
    epilog = sections(("examples", EXAMPLES), ("models of the zoo", zoo()), ("files in DIR, by data set", DATA),
                      ("what is written, in build/<model>/train or the folder of --output", WRITES),
                      ("exit codes", EXITS))
    parser = Parser(prog=prog, description=__doc__, epilog=epilog)
    parser.add_argument("--model", required=True, help="model file, or name of a packaged model")
    parser.add_argument("--data", type=Path, help="folder of the data set's files")
    parser.add_argument("--output", type=Path, help="folder for checkpoint and metrics (default: build/<model>/train)")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--learning-rate", type=float, help="instead of the recipe's")
    parser.add_argument("--start", type=Path, help="checkpoint, or trained values, that a new training starts from")
    parser.add_argument("--redraw", type=float, metavar="MEAN",
                        help="with --start: draw the magnitudes of the real weights behind binary ones anew, so that "
                             "their signs can change again; 0.06 made the zoo's tbn_cnv")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument("--threads", type=int, help="of the CPU (default: torch's own)")
    parser.add_argument("--compile", action="store_true", help="compile the steps; needs a C++ compiler")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args(arguments)
    check_numbers(parser, options)
    if options.learning_rate is not None and not 0 < options.learning_rate < math.inf:
        parser.error(f"--learning-rate must be a positive number, not {options.learning_rate}")
    if options.redraw is not None and not 0 < options.redraw < math.inf:
        parser.error(f"--redraw must be a positive number, not {options.redraw}")
    if options.redraw is not None and options.start is None:
        parser.error("--redraw needs --start")
    check_device(parser, options.device)
    return options


def check_device(parser: argparse.ArgumentParser, device: str) -> None:
    """End the command with a usage error if torch cannot use ``device``."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # AssertionError if torch was built without the device
        parser.error(f"--device {device!r} cannot be used; {str(error).splitlines()[0]}")


def load_data(spec: Spec, folder: Path | None) -> Dataset:
    """Return the data set that a model file names.

    Raises
    ------
    SpecError
        If it names none, or if its pictures have another shape or it has fewer classes than the data set.
    DataError
        If the data cannot be read.
    """
    if spec.dataset is None:
        raise SpecError(f"{spec.name}: names no data set; add 'dataset' to the model file")
    dataset = load_dataset(spec.dataset, folder, spec.input.shape, spec.input.resize, spec.classes)
    if dataset.note:
        print(printable(dataset.note), file=sys.stderr)
    if dataset.test_images.shape[1:] != spec.input.shape:
        raise SpecError(f"{spec.name}: input shape {spec.input.shape} must be the data set's "
                        f"{dataset.test_images.shape[1:]}")
    if dataset.train_labels.max() >= len(spec.classes):
        raise SpecError(f"{spec.name}: {len(spec.classes)} classes must be as many as the data set's "
                        f"{dataset.train_labels.max() + 1}")
    return dataset


def _run(options: argparse.Namespace) -> None:
    spec = load_spec(options.model)
    changed = {"epochs": options.epochs, "seed": options.seed, "learning_rate": options.learning_rate}
    spec = spec.with_train(**{key: value for key, value in changed.items() if value is not None})
    if options.threads:
        torch.set_num_threads(options.threads)
    dataset = load_data(spec, options.data)
    output = options.output or Path("build") / spec.name / "train"
    with Group.join(options.device) as group:
        teacher = taught(spec, dataset, output / "teacher", compiled=options.compile, group=group)
        trainer = Trainer(spec, dataset, output, compiled=options.compile, teacher=teacher, group=group)
        if options.start and trainer.epoch == 0:
            trainer.start(options.start, options.redraw)
        accuracy = trainer.fit()
    if group.rank == 0:
        print(f"test accuracy {accuracy:.2f} %; checkpoint {output / CHECKPOINT}")


if __name__ == "__main__":
    sys.exit(main())
