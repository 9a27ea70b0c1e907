"""Evaluates a whole network on integers, in batches and on all cores."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from quantize.limits import MOST_ELEMENTS
from quantize.network import Network, Node, TensorType
from quantize.nodes.window import Window
from sim.golden.add import add
from sim.golden.avg_pool import avg_pool
from sim.golden.conv import conv
from sim.golden.dense import dense
from sim.golden.flatten import flatten
from sim.golden.max_pool import max_pool
from sim.golden.pad_channels import pad_channels
from sim.golden.requantize import requantize
from sim.golden.threshold import threshold
from sim.golden.top_k import top_k

INPUT = "input"
BATCH = 16


def apply(node: Node, inputs: list[np.ndarray], source: TensorType) -> np.ndarray:
    """The output (n, h, w, c) of one node for its `inputs`, each (n, h, w, c). `source` is the first input's type.

    Raises ValueError for an unknown kind of node.
    """
    x, arrays, number = inputs[0], node.arrays, node.integer
    match node.kind:
        case "conv":
            pad = arrays.get("pad", 1 if source.kind == "binary" else 0)
            return conv(x, arrays["weights"], arrays.get("bias"), pad, window=Window.of(node))
        case "dense":
            return dense(x, arrays["weights"], arrays.get("bias"))
        case "threshold":
            return threshold(x, arrays["hi"], arrays.get("lo"))
        case "max_pool":
            return max_pool(x, window=Window.of(node))
        case "avg_pool":
            return avg_pool(x, window=Window.of(node), shift=number("shift", 0))
        case "requantize":
            return requantize(x, arrays["mult"], arrays["bias"], shift=number("shift"), lo=number("lo"),
                              hi=number("hi"))
        case "add":
            return add(x, inputs[1], width=number("width"))
        case "pad_channels":
            return pad_channels(x, before=number("before"), after=number("after"))
        case "flatten":
            return flatten(x)
        case "top_k":
            return top_k(x, k=number("k"))
    raise ValueError(f"{node.name}: the golden model has no kind {node.kind!r}")


def run(network: Network, images: np.ndarray, *, batch: int = BATCH, keep: Collection[str] | None = None,
        workers: int | None = None, progress: Callable[[int], None] | None = None) -> dict[str, np.ndarray]:
    """Evaluate `network` on `images` (n, h, w, c) and return the tensors named in `keep`, or its outputs if None.

    `images` are the network's input: pixels as uint8 - 128. Each returned tensor is (n, h, w, c) in some integer type.
    Each of `workers` threads (one a core if None) evaluates up to `batch` images at a time. `progress` is called with
    the number of images that have just been finished. All threads together work on tensors of at most MOST_ELEMENTS,
    so large images are evaluated in smaller batches, and by fewer threads.

    Raises ValueError when the images do not fit the network or `batch` is less than 1, and KeyError for a name in
    `keep` that is no tensor.
    """
    wanted = tuple(network.outputs if keep is None else dict.fromkeys(keep))
    for name in wanted:
        if name not in network.types:
            raise KeyError(f"{name!r} is not a tensor of the network")
    check_images(network, images)
    if batch < 1:
        raise ValueError(f"batch must be a positive integer, not {batch!r}")
    largest = max(tensor.size for tensor in network.types.values())
    workers = min(workers or os.cpu_count() or 1, max(1, MOST_ELEMENTS // largest))  # fewer where images are large
    batch = min(batch, max(1, MOST_ELEMENTS // (workers * largest)))
    out: dict[str, np.ndarray] = {}
    with threadpool_limits(1, "blas"):  # threads inside BLAS as well as ours are five times slower on busy cores
        for first, tensors in _batches(network, images, batch, wanted, workers):
            done = len(images[first:first + batch])
            for name, value in tensors.items():
                if name not in out:
                    out[name] = np.empty((len(images), *value.shape[1:]), value.dtype)
                out[name][first:first + done] = value
            if progress is not None:
                progress(done)
    return out


def check_images(network: Network, images: np.ndarray) -> None:
    """Raise ValueError when `images` do not have the shape, type and range of the network's input."""
    source = network.input
    if images.ndim != 4 or images.shape[1:] != source.shape:
        raise ValueError(f"images must have shape (n, {', '.join(map(str, source.shape))}), not {images.shape}")
    if images.dtype.kind not in "iu":
        raise ValueError(f"images must be integers (uint8 - 128), not {images.dtype}")
    if len(images) and (images.min() < source.lo or images.max() > source.hi):
        raise ValueError(f"images must lie in {source.lo} to {source.hi} (uint8 - 128), "
                         f"their range is {images.min()} to {images.max()}")


def _batches(network: Network, images: np.ndarray, batch: int, wanted: tuple[str, ...],
             workers: int) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """(index of the first image, tensors) of every batch, in any order.

    NumPy releases the interpreter's lock, so threads use all cores. Without images one empty batch is evaluated, which
    gives the shapes.
    """
    firsts = iter(range(0, len(images), batch) if len(images) else [0])
    with ThreadPoolExecutor(workers) as pool:
        running = {}
        for first in firsts:
            running[pool.submit(_evaluate, network, images[first:first + batch], wanted)] = first
            if len(running) > 2 * workers:  # bounds the memory that waiting results take
                done = wait(running, return_when=FIRST_COMPLETED).done
                for future in done:
                    yield running.pop(future), future.result()
        for future, first in running.items():
            yield first, future.result()


def _evaluate(network: Network, images: np.ndarray, wanted: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Evaluate all nodes on one batch. A tensor is dropped after its last reader."""
    readers = Counter(name for node in network.nodes for name in node.inputs)
    readers.update(wanted)
    live = {INPUT: images}
    for node in network.nodes:
        live[node.name] = apply(node, [live[name] for name in node.inputs], network.types[node.inputs[0]])
        for name in node.inputs:
            readers[name] -= 1
            if not readers[name]:
                live.pop(name, None)
    return {name: live[name] for name in wanted}
