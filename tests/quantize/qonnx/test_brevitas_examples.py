"""The eight networks of Brevitas's own examples, as it writes them. Imports equal the `qonnx` package on each file."""

import numpy as np
import pytest

for package in ("torch", "onnx", "qonnx", "brevitas", "brevitas_examples", "onnxoptimizer", "onnxscript"):
    pytest.importorskip(package)

from qonnx.util.cleanup import cleanup  # noqa: E402
from support.qonnx_reference import execute  # noqa: E402

from quantize.qonnx.importer import read_network  # noqa: E402
from sim.golden import run  # noqa: E402

NETWORKS = [f"{size}_1w{bits}a" for size in ("tfc", "sfc", "lfc", "cnv") for bits in (1, 2)]
SHAPES = {"cnv": (3, 32, 32)}
PICTURES = {"cnv": 40}


def trained(name):
    """An untrained network with the statistics that a trained one might have, so that its batch norms matter."""
    import torch
    from brevitas_examples.bnn_pynq import models

    torch.manual_seed(NETWORKS.index(name))
    model = getattr(models, name)(pretrained=False)
    with torch.no_grad():
        shape = SHAPES.get(name[:3], (1, 28, 28))
        model.train()
        for _ in range(3):
            model(torch.rand(32, *shape))
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                module.weight.uniform_(0.3, 1.5)
                module.bias.normal_(0, 0.5)
    return model.eval()


def equal(file, shape, count):
    """Compare every logit of `count` random pictures."""
    images = np.random.default_rng(0).integers(0, 256, (count, *shape[1:], shape[0]), np.uint8)
    check = read_network(file)
    assert not check.refused, check.refused
    found = run(check.network, (images.astype(np.int16) - 128).astype(np.int8), keep=check.network.outputs[:1])
    logits = found[check.network.outputs[0]].reshape(count, -1) * check.logits.unit + check.logits.offset
    real = execute(file, (images / 255).transpose(0, 3, 1, 2), count)
    assert np.ptp(real) > 0
    np.testing.assert_allclose(logits, real, rtol=0, atol=1e-4 + check.logits.error)


@pytest.mark.slow
@pytest.mark.parametrize("exporter", ["default", "legacy"])
@pytest.mark.parametrize("name", NETWORKS)
def test_an_example_equals_the_executor(name, exporter, tmp_path):
    import torch
    from brevitas.export import export_qonnx

    shape, count = SHAPES.get(name[:3], (1, 28, 28)), PICTURES.get(name[:3], 100)
    file, clean = tmp_path / f"{name}.onnx", tmp_path / "clean.onnx"
    how = {"dynamo": False} if exporter == "legacy" else {}
    export_qonnx(trained(name), torch.zeros(1, *shape), export_path=str(file), **how)
    equal(file, shape, count)
    cleanup(str(file), out_file=str(clean))
    equal(clean, shape, count)
