"""Small trained-looking models for the tests of `quantize`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.paths import DATA

from quantize.data import Dataset
from quantize.spec import Spec, parse_spec

HEAD = """\
name: small
input:
  shape: [{height}, {width}, {channels}]
classes: [{classes}]
layers:
"""

STRIPES = """
    conv: {channels: 8, kernel: 3, padding: 1, weights: int8}
    batch_norm
    ternary
    conv: {channels: 8, kernel: 3, weights: binary}
    batch_norm
    binary
    flatten
    dense: {units: 3, weights: int8}
"""


@pytest.fixture
def spec_text() -> Callable[..., str]:
    """Writes a model file around layers given one a line."""

    def write(layers: str, *, height: int = 8, width: int = 8, channels: int = 3, classes: int = 5) -> str:
        lines = "".join(f"  - {line.strip()}\n" for line in layers.splitlines() if line.strip())
        names = ", ".join(f"class{index}" for index in range(classes))
        return HEAD.format(height=height, width=width, channels=channels, classes=names) + lines

    return write


@pytest.fixture
def stripes() -> Dataset:
    """Pictures of horizontal, vertical and no stripes in noise."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 400)
    images = random.normal(128, 30, (400, 6, 6, 1))
    images[labels == 0, ::2] += 60
    images[labels == 1, :, ::2] += 60
    images = images.clip(0, 255).astype(np.uint8)
    return Dataset(images[:300], labels[:300], images[300:], labels[300:])


@pytest.fixture
def spec(spec_text: Callable[..., str]) -> Spec:
    """A small model for `stripes`."""
    text = spec_text(STRIPES, height=6, width=6, channels=1, classes=3)
    return parse_spec(text + "train: {epochs: 8, batch: 30, learning_rate: 0.01, augment: [flip]}\n")


@pytest.fixture
def random_model(spec_text: Callable[..., str]) -> Callable[..., Any]:
    """Builds a module with random statistics in its batch norms. A third of the factors are negative, some zero."""
    torch = pytest.importorskip("torch")
    from quantize.model import build_module

    def build(layers: str, seed: int = 0, **shape: int) -> Any:
        spec = parse_spec(spec_text(layers, **shape))
        torch.manual_seed(seed)
        random = np.random.default_rng(seed)
        model = build_module(spec).train()
        pictures = torch.from_numpy(random.integers(0, 256, (64, *spec.input.shape), dtype=np.uint8))
        with torch.no_grad():
            for module in model.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.momentum = None  # an average, so that one pass sets the statistics
            model(pictures)
            for module in model.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    size = module.num_features
                    factor = random.uniform(0.3, 1.5, size) * np.where(random.random(size) < 0.4, -1, 1)
                    factor[random.random(size) < 0.15] = 0
                    module.weight.copy_(torch.from_numpy(factor))
                    module.bias.copy_(torch.from_numpy(random.normal(0, 0.7, size)))
        return model.eval()

    return build


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of the data sets; the test is skipped where there is none."""
    if not DATA.is_dir():
        pytest.skip("no data sets; set TBN_HW_DATA")
    return DATA
