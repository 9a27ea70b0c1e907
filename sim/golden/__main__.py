"""`python -m sim.golden`: the accuracy of a network file on a file of pictures with labels."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from quantize.arrays import ArraysError, read_arrays
from quantize.command import EXITS, Parser, finish, sections
from quantize.network import Network
from sim.golden.accuracy import accuracy


def main(arguments: list[str] | None = None) -> int:
    """Print the accuracy. Returns the exit code: 0, or 1 after one sentence on stderr when a file is refused."""
    return finish(lambda: _print_accuracy(arguments), (ValueError,), "stopped", before="error: ")


def _print_accuracy(arguments: list[str] | None) -> None:
    parser = Parser(prog="python -m sim.golden", description=__doc__, epilog=sections(("exit codes", EXITS)))
    parser.add_argument("--network", type=Path, required=True, help="network.safetensors")
    parser.add_argument("--images", type=Path, required=True,
                        help="a .safetensors file: `images` (n, h, w, c), uint8 or uint8 - 128, and `labels` (n)")
    options = parser.parse_args(arguments)
    network = Network.load(options.network)
    images, labels = read_images(options.images)
    columns = TextColumn("golden model"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=len(images))
        result = accuracy(network, images, labels, progress=lambda done: bar.advance(task, done))
    print(f"{network.name}: {result.correct} of {result.images} correct, {result.percent:.2f} %")


def read_images(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, h, w, c), int8, and labels (n) of a safetensors file. uint8 images become int8 by subtracting 128.

    Raises ValueError, with the path first, when the file cannot be read or lacks an array.
    """
    try:
        _, held = read_arrays(path)
        images, labels = held["images"], held["labels"]
    except ArraysError as error:
        raise ValueError(f"{path}: {error}") from None
    except KeyError as error:
        raise ValueError(f"{path}: array {error} is missing; it must hold 'images' and 'labels'") from None
    if images.dtype == np.uint8:
        images = (images ^ np.uint8(0x80)).view(np.int8)
    return images, labels.reshape(-1)


if __name__ == "__main__":
    sys.exit(main())
