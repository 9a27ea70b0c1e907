"""The golden model's logits of pictures, and its accuracy on the labelled pictures that lie beside a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from quantize.network import Network
from sim.golden import run
from tbn_hw.host.confidence import fit_temperature
from tbn_hw.stages.keys import content_key, sources

if TYPE_CHECKING:
    from pathlib import Path

    from tbn_hw.stages.load import Loaded
    from tbn_hw.stages.site import Site
    from tbn_hw.stages.workspace import Outcome

ACCURACY_IMAGES = 100
UNKNOWN = dict.fromkeys(("dataset", "images", "golden_percent", "float_percent", "correct", "temperature"))
"""The accuracy of a model without labelled pictures."""


def signed(images: np.ndarray) -> np.ndarray:
    """uint8 pictures as the network's input, int8 = uint8 - 128."""
    return (images.astype(np.int16) - 128).astype(np.int8)


def golden(network: Network, images: np.ndarray) -> np.ndarray:
    """The logits (n, classes) of uint8 pictures in the golden model."""
    name = network.outputs[0]
    logits = run(network, signed(images), keep=(name,))[name]
    return logits.reshape(len(images), -1)


def accuracy(site: Site, loaded: Loaded) -> Outcome:
    """The accuracy on the first ACCURACY_IMAGES labelled pictures, if the model has some. It is kept between builds."""
    test = loaded.pictures
    known = test and [None if array is None else array[:ACCURACY_IMAGES].tobytes() for array in vars(test).values()]
    key = content_key("accuracy", sources(__name__), loaded.network_key, loaded.dataset, known)

    def produce(_: Path) -> dict[str, Any]:
        if test is None:
            return UNKNOWN
        images, labels = test.images[:ACCURACY_IMAGES], test.labels[:ACCURACY_IMAGES]
        logits, count, real = golden(loaded.network, images), len(images), test.float_classes
        correct = int((logits.argmax(axis=1) == labels).sum())
        site.console.print(f"verify: golden model names {correct} of {count} test images rightly")
        return {"dataset": loaded.dataset, "images": count, "golden_percent": 100 * correct / count,
                "float_percent": None if real is None else 100 * float((real[:count] == labels).mean()),
                "correct": correct, "temperature": fit_temperature(logits, labels)}

    return site.outcome("accuracy", key, [], produce)
