"""The model of docs/qonnx.md is trained in Brevitas, written as QONNX and imported. It gives the same classes."""

import importlib.util
import re
import subprocess
import sys

import numpy as np
import pytest
from support.paths import ROOT

for package in ("torch", "sklearn", "onnx", "qonnx", "brevitas", "onnxoptimizer", "onnxscript"):
    pytest.importorskip(package)

from support.qonnx_reference import execute  # noqa: E402

from quantize.data import load_dataset  # noqa: E402
from quantize.qonnx.importer import read_network  # noqa: E402
from sim.golden import run  # noqa: E402

MODEL = ROOT / "docs" / "brevitas_digits.py"


@pytest.mark.slow
def test_brevitas_to_network(tmp_path):
    file = tmp_path / "digits.onnx"
    done = subprocess.run([sys.executable, MODEL, file, "--epochs", "6"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    right, total = map(int, re.search(r"names (\d+) of (\d+) test digits", done.stdout).groups())
    check = read_network(file)
    assert not check.refused
    kinds = [node.kind for node in check.network.nodes if node.kind not in ("requantize", "flatten")]
    assert kinds == ["conv", "threshold", "conv", "threshold", "max_pool", "dense"]
    test = load_dataset("digits")
    images = (test.test_images.astype(np.int16) - 128).astype(np.int8)
    integers = run(check.network, images)[check.network.outputs[0]].reshape(len(images), -1)
    real = execute(file, (test.test_images / 255).transpose(0, 3, 1, 2), len(images))
    np.testing.assert_allclose(integers * check.logits.unit + check.logits.offset, real, rtol=0, atol=1e-3)
    assert total == len(images) and right > 0.9 * total
    assert abs(int((integers.argmax(axis=1) == test.test_labels).sum()) - right) <= 1  # Brevitas computes in float32


def test_a_constant_scale_of_a_tenth(tmp_path):
    """Binary weights of 0.1 without a batch norm: Brevitas, the `qonnx` package and the import agree."""
    import brevitas.nn as qnn
    import torch
    from brevitas.export import export_qonnx

    given = importlib.util.spec_from_file_location("brevitas_digits", MODEL)
    digits = importlib.util.module_from_spec(given)
    given.loader.exec_module(digits)
    tenth = type("Tenth", (digits.Binary,), {"scaling_const": 0.1})
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        qnn.QuantIdentity(act_quant=digits.Ternary), qnn.QuantConv2d(1, 16, 3, bias=False, weight_quant=tenth),
        qnn.QuantIdentity(act_quant=digits.Ternary), torch.nn.Flatten(),
        qnn.QuantLinear(16 * 36, 10, bias=False, weight_quant=digits.Binary)).eval()
    export_qonnx(model, torch.zeros(1, 1, 8, 8), export_path=tmp_path / "net.onnx")
    images = np.random.default_rng(0).integers(0, 256, (500, 8, 8, 1), np.uint8)
    with torch.no_grad():
        real = model(digits.pictures(images)).numpy()
    check = read_network(tmp_path / "net.onnx")
    integers = run(check.network, (images.astype(np.int16) - 128).astype(np.int8))[check.network.outputs[0]]
    np.testing.assert_array_equal(execute(tmp_path / "net.onnx", (images / 255).transpose(0, 3, 1, 2)), real)
    np.testing.assert_array_equal(integers.reshape(500, -1) * check.logits.unit, real)
    assert any("lie on a tie of the float arithmetic" in note for note in check.notes)
