"""The load stage: the model file and the network of integers that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from quantize.network import Network, NetworkError
from quantize.spec import Spec, SpecError, load_spec
from quantize.zoo import Pictures, find_pictures, find_weights, load_pictures
from tbn_hw.errors import ModelRefused


@dataclass(frozen=True)
class Loaded:
    """A model file, its network, and labelled test pictures where the zoo has them."""

    spec: Spec
    network: Network
    pictures: Pictures | None


def load(model: str, weights: Path | None) -> Loaded:
    """Read model file and weights; raises ModelRefused when they are wrong or do not belong together."""
    try:
        spec = load_spec(model)
        path = weights or find_weights(model)
        if path is None:
            raise ModelRefused(f"{model}: there are no trained weights beside the model file; "
                               "train it with python -m quantize.train and give them with --weights")
        network = Network.load(path)
        _check(spec, network, path)
        return Loaded(spec, network, _test_pictures(spec, model))
    except (SpecError, NetworkError) as error:
        raise ModelRefused(str(error)) from None


def _check(spec: Spec, network: Network, path: Path) -> None:
    """Raise NetworkError unless the network's layers with weights are exactly those of the model file."""
    if network.input.shape != spec.input.shape:
        raise NetworkError(f"{path}: the network's input is {network.input.shape}, "
                           f"the model file's is {spec.input.shape}")
    expected = {}
    for step in spec.flat():
        if step.kind == "conv":
            expected[step.name] = (step.output[2], step.layer.kernel, step.layer.kernel, step.input[2])  # type: ignore
        elif step.kind == "dense":
            expected[step.name] = (step.output[2], step.input[2])  # type: ignore[assignment]
    found = {node.name: node.arrays["weights"].shape for node in network.nodes if "weights" in node.arrays}
    for name in [*expected, *found]:
        if expected.get(name) != found.get(name):
            has = f"weights of shape {found[name]}" if name in found else "no weights"
            wants = f"{expected[name]}" if name in expected else "none"
            raise NetworkError(f"{path}: {has} for {name}, where the model file {spec.name} has {wants}")
    if network.classes != spec.classes:
        raise NetworkError(f"{path}: the classes are {', '.join(network.classes)}, "
                           f"the model file's are {', '.join(spec.classes)}")


def _test_pictures(spec: Spec, model: str) -> Pictures | None:
    path = find_pictures(model)
    if path is None:
        return None
    try:
        pictures = load_pictures(path)
    except ValueError as error:
        raise ModelRefused(str(error)) from None
    if pictures.images.shape[1:] != spec.input.shape:
        raise ModelRefused(f"{path}: images must have shape {spec.input.shape}, not {pictures.images.shape[1:]}")
    return pictures
