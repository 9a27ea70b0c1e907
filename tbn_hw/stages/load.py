"""The load stage: the model file and the network of integers that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from quantize.folding_spec import Stated
from quantize.layer_spec import AvgPool, Binary, Conv, Dense, Fixed, Int8, MaxPool, Ternary
from quantize.network import Network, NetworkError
from quantize.nodes.window import Window
from quantize.spec import Spec, SpecError, load_spec
from quantize.untrained import SEED, untrained
from quantize.zoo import Pictures, find_model, find_pictures, find_weights, load_pictures
from tbn_hw.options import Random
from tbn_hw.shared.errors import ModelRefused, ToolMissing, UsageError
from tbn_hw.stages.keys import content_key


@dataclass(frozen=True)
class Loaded:
    """A network, further facts of its model file, and the labelled test pictures beside the file, if there are any.

    `resize` is the shorter side, in pixels, that a user's picture is scaled to. `foldings` are those that the model
    file states, by node. `notes` say what an import decided. `seed` is that of random weights, None for trained ones.
    """

    name: str
    network: Network
    pictures: Pictures | None
    dataset: str | None = None
    resize: int | None = None
    foldings: Mapping[str, Stated] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seed: int | None = None

    @cached_property
    def network_key(self) -> str:
        """A hash of the network."""
        return content_key(self.network.to_bytes())


def load(model: str, weights: Path | Random | None, *, estimate: bool = False) -> Loaded:
    """Read model file and weights, or a QONNX file; raises ModelRefused when they are wrong or do not belong together.

    If only an `estimate` is wanted, random weights stand in for those that are not there. Raises UsageError for a file
    that cannot be read, and ToolMissing if the package that reads QONNX is missing.
    """
    if model.lower().endswith(".onnx"):
        return _load_qonnx(Path(model), weights)
    try:
        file = find_model(model)
    except SpecError as error:
        raise UsageError(f"--model: {error}") from None
    _require_readable(file, "--model: ")
    try:
        spec = load_spec(model)
        if isinstance(weights, Random):
            return _random(spec, f"{model}: random weights are taken, as --weights asks")
        path = weights or find_weights(model)
        if path is None and estimate:
            return _random(spec, f"{model}: there are no trained weights beside the model file, so random ones are "
                                 "taken")
        if path is None:
            raise ModelRefused(f"{model}: there are no trained weights beside the model file; "
                               "train it with python -m quantize.train and give them with --weights, or take random "
                               "ones with --weights random")
        _require_readable(path, "--weights: " if weights else "")
        network = replace(Network.load(path), name=spec.name)
        _check(spec, network, path)
        pictures = _test_pictures(network, model)
        return Loaded(spec.name, network, pictures, spec.dataset, spec.input.resize, spec.foldings())
    except (SpecError, NetworkError) as error:
        raise ModelRefused(str(error)) from None


def _random(spec: Spec, reason: str) -> Loaded:
    """The model file with random weights. Labelled pictures are left out, for accuracy would mean nothing."""
    note = f"{reason}; cycles are those of the trained network, cost is about that, and its classes mean nothing"
    return Loaded(spec.name, untrained(spec), None, spec.dataset, spec.input.resize, spec.foldings(), (note,), SEED)


def _require_readable(path: Path, option: str = "") -> None:
    try:
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise UsageError(f"{option}{path}: no such file") from None
    except OSError as error:
        raise UsageError(f"{option}{path}: cannot be read; {(error.strerror or str(error)).lower()}") from None


def _load_qonnx(path: Path, weights: Path | Random | None) -> Loaded:
    """The network of a QONNX file; a refusal lists every refused node."""
    if weights is not None:
        raise UsageError(f"--weights must go with a model file; {path} holds its own")
    _require_readable(path, "--model: ")
    try:
        from quantize.qonnx.importer import read_network
    except ImportError:
        raise ToolMissing(f"{path}: the onnx package is missing; install it with pip install '.[qonnx]'") from None
    from quantize.qonnx.graph import QonnxError

    try:
        check = read_network(path)
    except QonnxError as error:
        raise ModelRefused(str(error)) from None
    if check.network is None:
        refused = "\n".join(f"  {cause}" for cause in check.causes)
        raise ModelRefused(f"{path}: {len(check.refused)} of {len(check.verdicts)} nodes are refused:\n{refused}\n"
                           f"python -m quantize.qonnx check {path} lists all of them")
    network = check.network
    return Loaded(network.name, network, _test_pictures(network, str(path)), notes=check.notes)


def _check(spec: Spec, network: Network, path: Path) -> None:
    """Raise NetworkError unless the network has the model file's layers, with any weights and thresholds."""
    if network.input.shape != spec.input.shape:
        raise NetworkError(f"{path}: the network's input is {network.input.shape}, "
                           f"the model file's is {spec.input.shape}")
    expected = {}
    for step in spec.flat():
        if step.kind == "conv":
            expected[step.name] = (step.output[2], *step.window.kernel, step.input[2])
        elif step.kind == "dense":
            expected[step.name] = (step.output[2], step.input[2])  # type: ignore[assignment]
    found = {node.name: node.arrays["weights"].shape for node in network.nodes if "weights" in node.arrays}
    for name in [*expected, *found]:
        if expected.get(name) != found.get(name):
            has = f"weights of shape {found[name]}" if name in found else "no weights"
            wants = f"{expected[name]}" if name in expected else "none"
            raise NetworkError(f"{path}: {has} for {name}, where the model file {spec.name} has {wants}")
    _check_layers(spec, network, path)
    if network.classes != spec.classes:
        raise NetworkError(f"{path}: the classes are {', '.join(network.classes)}, "
                           f"the model file's are {', '.join(spec.classes)}")


def _check_layers(spec: Spec, network: Network, path: Path) -> None:
    """Raise NetworkError if the network does something else for a layer than the model file says."""
    last = network.by_name[network.outputs[-1]]
    top_k = last.integer("k") if last.kind == "top_k" else None
    if top_k != spec.top_k:
        raise NetworkError(f"{path}: top_k is {top_k}, where the model file {spec.name} has {spec.top_k}")
    steps = {step.name: step for step in spec.flat()}
    for made in network.nodes:
        if made.kind in ("threshold", "max_pool") and made.name not in steps:
            raise NetworkError(f"{path}: there is a {made.kind} {made.name}, where the model file {spec.name} has none")
    for step in steps.values():
        node, layer = network.by_name.get(step.name), step.layer
        wanted: dict[str, object] = {}
        match layer:
            case Conv():
                wanted = {"weights": layer.weights, **step.window.attrs(pads=True)}
            case Dense():
                wanted = {"weights": layer.weights}
            case Ternary() | Binary():
                wanted = {"levels": layer.kind}
            case MaxPool() | AvgPool():
                wanted = step.window.attrs(pads=False)
            case Fixed():
                wanted = {"hi": (1 << layer.width - 1) - 1}
            case Int8():
                wanted = {"hi": 127}
        has = {key: node.attrs.get(key) if node else None for key in wanted}
        if node is not None and "kernel" in wanted:
            has |= Window.of(node).attrs(pads=isinstance(layer, Conv))
        shape = network.types[step.name].shape if node else step.output
        if wanted and (has != wanted or shape != step.output):
            raise NetworkError(f"{path}: {step.name} is {_described(has, shape)}, where the model file {spec.name} "
                               f"has {_described(wanted, step.output)}")


def _described(facts: Mapping[str, object], shape: tuple[int, int, int]) -> str:
    return ", ".join(f"{key} {value}" for key, value in facts.items()) + f" of output {shape}"


def _test_pictures(network: Network, model: str) -> Pictures | None:
    path = find_pictures(model)
    if path is None:
        return None
    _require_readable(path)
    try:
        pictures = load_pictures(path, network.types[network.outputs[0]].size)
    except ValueError as error:
        raise ModelRefused(str(error)) from None
    if pictures.images.shape[1:] != network.input.shape:
        raise ModelRefused(f"{path}: images must have shape {network.input.shape}, not {pictures.images.shape[1:]}")
    return pictures
