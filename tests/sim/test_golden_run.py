"""Whole networks through the golden model, compared with the naive functions and in batches, and its command."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.numpy import save_file
from support import naive
from support import random_networks as networks
from support.networks import shapes
from support.paths import ROOT

from quantize.nodes.window import WINDOW, Window
from sim.golden import accuracy, apply, run
from sim.golden.__main__ import main


def naive_run(network, images):
    """Every tensor of the network by the naive functions. The rules of a network are written here a second time."""
    live = {"input": images}
    for node in network.nodes:
        inputs = [live[name] for name in node.inputs]
        numbers = {key: value for key, value in node.attrs.items() if key not in ("weights", "levels", *WINDOW)}
        arrays = dict(node.arrays)
        if "kernel" in node.attrs:
            numbers["window"] = Window.of(node)
        if node.kind == "conv" and network.types[node.inputs[0]].kind == "binary":
            arrays.setdefault("pad", 1)
        live[node.name] = getattr(naive, node.kind)(*inputs, **arrays, **numbers)
    return live


@pytest.mark.parametrize("network", [*map(networks.every_kind, range(3)), shapes()])
def test_every_tensor_equals_naive(network):
    images = networks.pictures(network, 3, 1)
    found, expected = run(network, images, keep=network.types), naive_run(network, images)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_array_equal(value.astype(object), expected[name], err_msg=name)
        tensor = network.types[name]
        assert value.shape == (3, *tensor.shape)
        assert tensor.lo <= value.min() and value.max() <= tensor.hi


def test_small_resnet_equals_naive():
    network = networks.resnet(depth=1, channels=(4, 6), size=6)
    images = networks.pictures(network, 2)
    expected = naive_run(network, images)
    for name, value in run(network, images, keep=network.types).items():
        np.testing.assert_array_equal(value.astype(object), expected[name], err_msg=name)


@pytest.mark.parametrize("batch", [1, 4, 5, 11, 100])
@pytest.mark.parametrize("workers", [1, 3])
def test_any_batch_gives_the_same(batch, workers):
    network = networks.every_kind()
    images, seen = networks.pictures(network, 11), []
    found = run(network, images, batch=batch, workers=workers, progress=seen.append)
    assert sum(seen) == 11
    assert list(found) == ["dense", "top_k"]
    for n in range(11):
        alone = run(network, images[n:n + 1])
        for name, value in alone.items():
            np.testing.assert_array_equal(found[name][n:n + 1], value)


def test_no_images():
    network = networks.every_kind()
    found = run(network, networks.pictures(network, 0))
    assert found["dense"].shape == (0, 1, 1, 5) and found["top_k"].shape == (0, 1, 1, 3)


def test_wrong():
    network = networks.every_kind()
    images = networks.pictures(network, 2)
    with pytest.raises(ValueError, match=r"^images must have shape \(n, 7, 6, 2\), not \(2, 7, 6\)$"):
        run(network, images[..., 0])
    with pytest.raises(ValueError, match=r"^images must be integers \(uint8 - 128\), not float64$"):
        run(network, images / 2)
    with pytest.raises(ValueError, match=r"^images must lie in -128 to 127 \(uint8 - 128\), their range is 0 to 255$"):
        run(network, np.arange(256).repeat(84 // 4).reshape(-1, 7, 6, 2))
    with pytest.raises(ValueError, match=r"^batch must be a positive integer, not 0$"):
        run(network, images, batch=0)
    with pytest.raises(KeyError, match="'nothing' is not a tensor of the network"):
        run(network, images, keep=["nothing"])
    with pytest.raises(ValueError, match=r"^labels must be one for each of at least one image, not \(3,\) for 2$"):
        accuracy(network, images, np.zeros(3, int))
    with pytest.raises(ValueError, match=r"^x: the golden model has no kind 'softmax'$"):
        apply(networks.Node("softmax", "x", ("input",)), [images], network.input)


def test_speed_of_resnet_20():
    """The 10,000 test images of CIFAR-10 take less than ten minutes of CPU time. On two idle cores it is 36 s."""
    network = networks.resnet()
    images = networks.pictures(network, 128)
    started = time.process_time()
    run(network, images)
    assert (time.process_time() - started) / len(images) * 10_000 < 600


def test_command(tmp_path, capsys):
    network = networks.every_kind()
    images = networks.pictures(network, 20)
    labels = run(network, images)["top_k"].reshape(20, 3)[:, 0].astype(np.int64)
    labels[:5] = (labels[:5] + 1) % 5
    network.save(tmp_path / "n.safetensors")
    unsigned = (images.astype(np.int16) + 128).astype(np.uint8)
    save_file({"images": unsigned, "labels": labels}, tmp_path / "images.safetensors")
    command = [sys.executable, "-m", "sim.golden", "--network", str(tmp_path / "n.safetensors"),
               "--images", str(tmp_path / "images.safetensors")]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert found.stdout == "every_kind: 15 of 20 correct, 75.00 %\n"

    save_file({"pictures": unsigned}, tmp_path / "images.safetensors")
    assert main(command[3:]) == 1
    assert capsys.readouterr().err == (f"error: {tmp_path}/images.safetensors: array 'images' is missing; "
                                       "it must hold 'images' and 'labels'\n")
    assert main([*command[3:5], "--images", "absent"]) == 1
    assert capsys.readouterr().err.startswith("error: absent: no such file")
