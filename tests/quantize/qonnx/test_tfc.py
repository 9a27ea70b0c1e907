"""Networks trained in Brevitas. The import gives the class of every MNIST picture that the `qonnx` package gives."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("qonnx")

from support.qonnx_reference import execute  # noqa: E402

from quantize.data import load_dataset  # noqa: E402
from quantize.qonnx.importer import read_network  # noqa: E402
from sim.golden import run  # noqa: E402


@pytest.mark.data
@pytest.mark.parametrize("name, percent", [("TFC_1W1A", 92.96), ("TFC_1W2A", 94.74)])
def test_golden_equals_executor(name, percent, data_folder):
    file = data_folder / "qonnx" / f"{name}.onnx"
    test = load_dataset("mnist", data_folder)
    check = read_network(file)
    assert not check.refused and check.network.classes == tuple("0123456789")
    images = (test.test_images.astype(np.int16) - 128).astype(np.int8)
    integers = run(check.network, images, batch=200)[check.network.outputs[0]].reshape(len(images), -1)
    real = execute(file, (test.test_images / 255).transpose(0, 3, 1, 2))
    assert (integers.argmax(axis=1) == real.argmax(axis=1)).all()
    np.testing.assert_allclose(integers * check.logits.unit + check.logits.offset, real, rtol=0, atol=1e-5)
    found = 100 * (integers.argmax(axis=1) == test.test_labels).mean()
    print(f"{name}: {found:.2f} % of {len(images)} MNIST test pictures, as the qonnx package")
    assert round(found, 2) == percent
