"""The verify stage: test pictures, and then the user's own, through the golden model and the gateware."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tbn_hw.stages.gateware import COCOTB_IMAGES, key_of, simulated
from tbn_hw.stages.golden import accuracy, golden
from tbn_hw.stages.keys import content_key, sources
from tbn_hw.tools.simulator import require_simulator

if TYPE_CHECKING:
    from tbn_hw.stages.generate import Generated
    from tbn_hw.stages.load import Loaded
    from tbn_hw.stages.planned import Planned
    from tbn_hw.stages.site import Site

RANDOM_IMAGES_SEED = 1
TOP = 3
"""The number of classes that are named for a user's picture."""


@dataclass(frozen=True)
class Verified:
    """The results for uint8 `images` (n, h, w, c): the report's `verify` without the netlist, and its `accuracy`."""

    images: np.ndarray
    figures: dict[str, Any]
    accuracy: dict[str, Any]


def verify(site: Site, loaded: Loaded, planned: Planned, generated: Generated) -> Verified:
    """Send test pictures through the gateware; raises Mismatch and ToolMissing as `gateware.compare` does."""
    images = _test_images(site, loaded)

    def produce(folder: Path) -> dict[str, Any]:
        require_simulator()
        (folder / "sim").mkdir()
        few = min(len(images), COCOTB_IMAGES)
        site.console.print(f"verify: {few} image(s) through the gateware in cocotb, {len(images) - few} in C++, "
                           "built by Verilator")
        return simulated(site, planned, generated, images, folder / "sim")

    key = content_key("verify", sources(__name__), key_of(planned, generated, images))
    found, measured = site.outcome("verify", key, ["sim"], produce), accuracy(site, loaded)
    site.done("verify", found.seconds + measured.seconds, found.cached and measured.cached)
    return Verified(images, found.data, measured.data)


def classify(site: Site, planned: Planned, generated: Generated, images: np.ndarray) -> list[list[tuple[int, int]]]:
    """The TOP classes for each of the user's uint8 `images` (n, h, w, c), as (class, logit), the best first.

    The golden model names them, and the gateware agrees. Raises Mismatch and ToolMissing as `verify` does.
    """
    def produce(folder: Path) -> dict[str, Any]:
        (folder / "pictures").mkdir()
        return simulated(site, planned, generated, images, folder / "pictures")

    key = content_key("pictures", sources(__name__), key_of(planned, generated, images))
    outcome = site.workspace.stage("pictures", key, ["pictures"], produce)
    site.done("pictures", outcome.seconds, outcome.cached)
    logits = golden(planned.design.network, images)
    order = np.argsort(-logits, axis=1, kind="stable")[:, :TOP]
    return [[(int(index), int(row[index])) for index in best] for best, row in zip(order, logits, strict=True)]


def _test_images(site: Site, loaded: Loaded) -> np.ndarray:
    """uint8 pictures for the gateware: labelled test pictures, and random ones if there are too few."""
    count, shape = site.options.verify_images, loaded.network.input.shape
    labelled = np.zeros((0, *shape), np.uint8) if loaded.pictures is None else loaded.pictures.images
    missing = max(0, count - len(labelled))
    if missing:
        site.console.print(f"verify: {len(labelled)} test pictures lie beside the model file; {missing} random "
                           "ones are used")
    random = np.random.default_rng(RANDOM_IMAGES_SEED).integers(0, 256, (missing, *shape), np.uint8)
    return np.concatenate([labelled[:count], random])
