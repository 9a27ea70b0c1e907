"""Model files: YAML that pydantic checks. Every error names the line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, ValidationError

from quantize import yaml_source
from quantize.expand import Step, expand
from quantize.folding_spec import Stated
from quantize.layer_spec import Binary, Gradient, Layer, Residual, Ternary
from quantize.limits import MOST_SIDE
from quantize.strict import Name, Strict, refusal
from quantize.yaml_source import SpecError, YamlSource

__all__ = ["Distill", "Full", "Input", "Spec", "SpecError", "Step", "Train", "load_spec"]

Shape3 = Annotated[
    tuple[
        Annotated[int, Field(ge=1, le=MOST_SIDE)], Annotated[int, Field(ge=1, le=MOST_SIDE)],
        Annotated[int, Field(ge=1, le=1024)],
    ],
    Field(strict=False),
]


class Input(Strict):
    """The picture that a model reads: uint8, of ``shape`` (height, width, channels). One channel means grey."""

    shape: Shape3
    resize: Annotated[int, Field(ge=1, le=MOST_SIDE)] | None = None
    """A picture's shorter side is scaled to this many pixels before the centre crop to ``shape``.

    If it is left out, the picture is scaled to be just large enough for the crop.
    """


class Distill(Strict):
    """Distillation: the network also learns from a full-precision one with the same layers.

    The same recipe trains that one first. The loss is ``(1 - weight)`` times the labels' cross entropy plus
    ``weight * temperature^2`` times the divergence of the softened outputs (Hinton et al., arXiv 1503.02531).
    """

    weight: Annotated[float, Field(gt=0, le=1)] = 0.5
    temperature: Annotated[float, Field(gt=0)] = 2.0


class Full(Strict):
    """Where the recipe of the full-precision network of the same layers differs; what is left out is as in `Train`."""

    epochs: Annotated[int, Field(ge=1)] | None = None
    optimizer: Literal["adam", "sgd"] | None = None
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    warm_up: Annotated[float, Field(ge=0)] | None = None
    weight_decay: Annotated[float, Field(ge=0)] | None = None
    momentum: Annotated[float, Field(ge=0, lt=1)] | None = None


class Train(Strict):
    """The training recipe."""

    epochs: Annotated[int, Field(ge=1)] = 20
    batch: Annotated[int, Field(ge=1)] = 128
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: Annotated[float, Field(gt=0)] = 0.003
    """The peak of the schedule, which is a linear warm-up and then a cosine to zero."""
    warm_up: Annotated[float, Field(ge=0)] = 1.0
    """Length of the warm-up in epochs."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Applies to weights that are not binary."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """The momentum of SGD; Adam ignores it."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    augment: Annotated[tuple[Literal["flip", "crop", "shift"], ...], Field(strict=False)] = ()
    """flip: mirror left and right; crop: a random crop after padding by 4; shift: a random crop after padding by 1."""
    precision: Literal["float32", "bfloat16"] = "float32"
    images: Annotated[int, Field(ge=1)] | None = None
    """Train with this many pictures, the first ones of the data set; with all if left out."""
    distill: Distill | None = None
    start: Literal["random", "full"] = "random"
    """From which weights: random ones, or those of the full-precision network, which is trained first."""
    full: Full = Full()
    real_weights: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Binary weights are still real in this share of the epochs, the first ones. The schedule begins anew after it."""
    balance: bool = False
    """Whether every step shifts the real weights behind the binary ones to a mean of zero in each output channel."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0


class Spec(Strict):
    """A checked model file. ``layers`` holds the layers as written; `steps` gives them with names and shapes."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)]
    dataset: Literal["digits", "mnist", "fashion_mnist", "cifar10", "imagenet"] | None = None
    input: Input
    classes: Annotated[tuple[Name, ...], Field(min_length=1, strict=False)]
    layers: Annotated[tuple[Layer, ...], Field(min_length=1, strict=False)]
    top_k: Annotated[int, Field(ge=1)] | None = None
    """The accelerator gives the indices of this many best classes beside the logits; none if left out."""
    train: Train = Train()

    _steps: tuple[Step, ...] = PrivateAttr(default=())
    _source: YamlSource | None = PrivateAttr(default=None)

    def steps(self) -> tuple[Step, ...]:
        """Return the top-level layers with names and shapes. A repetition of a residual block is one step."""
        return self._steps

    def flat(self) -> Iterator[Step]:
        """Yield every layer in order. The layers of a residual block come before the block's own step."""
        for step in self._steps:
            yield from step.body
            yield step

    def foldings(self) -> dict[str, Stated]:
        """Return what the layers that state a folding ask for, by node name."""
        found = {}
        for step in self.flat():
            folding = getattr(step.layer, "folding", None)
            if folding is not None:
                found[step.name] = folding.stated
        return found

    def with_train(self, **changed: Any) -> Spec:
        """Return the same model with some values of its recipe changed."""
        train = Train.model_validate({**self.train.model_dump(), **changed})
        return self.model_copy(update={"train": train})

    def with_full(self) -> Spec | None:
        """Return the same model with the recipe of its full-precision network; None if no recipe asks for that one."""
        if self.train.distill is None and self.train.start == "random":
            return None
        own = self.train.full.model_dump(exclude_none=True)
        return self.with_train(distill=None, start="random", full={}, real_weights=0.0, balance=False, **own)

    def with_binary(self) -> Spec:
        """Return the same model with binary activations where it has ternary ones.

        Raises
        ------
        SpecError
            If a layer behind one of them cannot read binary values.
        """
        return self._with_ternary(lambda _: Binary(kind="binary"))

    def with_gradient(self, gradient: Gradient) -> Spec:
        """Return the same model with this gradient estimator in all its ternary activations."""
        return self._with_ternary(lambda layer: layer.model_copy(update={"gradient": gradient}))

    def _with_ternary(self, change: Callable[[Ternary], Any]) -> Spec:
        def changed(layer: Any) -> Any:
            if isinstance(layer, Residual):
                return layer.model_copy(update={"body": tuple(map(changed, layer.body))})
            return change(layer) if isinstance(layer, Ternary) else layer

        assert self._source is not None
        spec = self.model_copy(update={"layers": tuple(map(changed, self.layers))})
        spec._steps = expand(spec.input.shape, spec.layers, len(spec.classes), self._source)
        return spec

    def error(self, name: str, sentence: str) -> SpecError:
        """Return a `SpecError` about the layer with this node name. It names the file and the line."""
        for step in self.flat():
            if step.name == name and self._source is not None:
                error = self._source.error(step.path, sentence)
                place, _, rest = str(error).partition(f"{yaml_source.path_text(step.path)}: ")
                return SpecError(f"{place}{name}: {rest}")
        return SpecError(f"{self.name}: {name}: {sentence}")


_EXPORT = "export the network as QONNX, which the build reads, or write a model file in YAML"
_OTHERS = {  # what a file is by its name, and what to give instead
    ".h5": f"a Keras model; {_EXPORT}",
    ".keras": f"a Keras model; {_EXPORT}",
    ".tflite": f"a TensorFlow Lite model; {_EXPORT}",
    ".pb": f"a TensorFlow model; {_EXPORT}",
    ".pt": f"a file of PyTorch; {_EXPORT}",
    ".pth": f"a file of PyTorch; {_EXPORT}",
    ".onnx": "an ONNX file, which python -m tbn_hw.build and python -m quantize.qonnx read",
    ".safetensors": "a file of weights; give the model file that it belongs to, and it as the weights",
    ".json": "a JSON file; a model file is YAML, and a build's manifest.json or report.json is none",
}


def load_spec(model: str | Path) -> Spec:
    """Load and check a model file. ``model`` is a path, else the name of a packaged model.

    Raises
    ------
    SpecError
        If there is no such model, or the file is wrong. One sentence with file, line and place.
    """
    from quantize.zoo import find_model

    file = find_model(model)
    if file.suffix.lower() in _OTHERS:
        raise SpecError(f"{file}: not a model file: it is {_OTHERS[file.suffix.lower()]}")
    try:
        text = yaml_source.read_text(file)
    except UnicodeDecodeError:
        raise SpecError(f"{file}: not a model file: not UTF-8 text") from None
    except OSError as error:
        raise SpecError(f"{file}: cannot be read: {error.strerror}") from None
    return parse_spec(text, str(file) if file == Path(model) else file.name)


def parse_spec(text: str, file: str = "model.yaml") -> Spec:
    """Check a model file's text. Raises `SpecError`; its sentence begins with the name ``file``."""
    source = YamlSource(text, file)
    _Normaliser(source).check(source.data)
    try:
        spec = Spec.model_validate(source.data)
    except ValidationError as error:
        raise refusal(source, error) from None
    if spec.top_k is not None and spec.top_k > len(spec.classes):
        raise source.error(("top_k",), f"must be at most the number of classes {len(spec.classes)}, not {spec.top_k}")
    spec._source = source
    spec._steps = expand(spec.input.shape, spec.layers, len(spec.classes), source)
    return spec


@dataclass
class _Normaliser:
    """Rewrites the short forms of a model file into those that pydantic checks.

    ``batch_norm`` and ``conv: {...}`` become mappings with the layer's word under ``kind``. A number of classes becomes
    a list of names.
    """

    source: YamlSource
    done: set[int] = field(default_factory=set)

    def check(self, data: Any) -> None:
        if not isinstance(data, dict):
            raise self.source.error((), "a model file must be a mapping of keys to values")
        if isinstance(data.get("layers"), list):
            data["layers"] = self.layers(data["layers"], ("layers",))
        classes = data.get("classes")
        if isinstance(classes, int) and not isinstance(classes, bool) and 0 < classes <= 65536:
            data["classes"] = list(map(str, range(classes)))

    def layers(self, items: list[Any], path: yaml_source.Path) -> list[Any]:
        return [self.layer(item, (*path, index)) for index, item in enumerate(items)]

    def layer(self, item: Any, path: yaml_source.Path) -> dict[str, Any]:
        if isinstance(item, str):
            return {"kind": item}
        if not isinstance(item, dict) or len(item) != 1:
            raise self.source.error(path, f"a layer must be a word or a mapping with one key, not {item!r:.60}")
        ((kind, arguments),) = item.items()
        arguments = {} if arguments is None else arguments
        if not isinstance(arguments, dict):
            raise self.source.error((*path, str(kind)), f"must be a mapping, not {arguments!r:.60}")
        if "kind" in arguments:
            raise self.source.error((*path, str(kind), "kind"), "unknown key 'kind'")
        arguments = {"kind": kind, **arguments}
        if kind == "residual" and isinstance(arguments.get("body"), list):
            arguments["body"] = self.layers(arguments["body"], (*path, "residual", "body"))
        return arguments
