"""Model files: YAML checked by pydantic, with the line in every error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, ValidationError

from quantize import yaml_source
from quantize.expand import Step, expand
from quantize.layer_spec import Binary, Gradient, Layer, Residual, Strict, Ternary
from quantize.yaml_source import SpecError, YamlSource

__all__ = ["Distill", "Full", "Input", "Spec", "SpecError", "Step", "Train", "load_spec"]

Shape3 = Annotated[
    tuple[
        Annotated[int, Field(ge=1, le=4096)], Annotated[int, Field(ge=1, le=4096)], Annotated[int, Field(ge=1, le=1024)]
    ],
    Field(strict=False),
]


class Input(Strict):
    """The picture a model reads: uint8, ``shape`` = (height, width, channels), grey when it has one channel."""

    shape: Shape3
    resize: Annotated[int, Field(ge=1, le=8192)] | None = None
    """Pixels of the shorter side before the centre crop to ``shape``; the crop's shorter side if left out."""


class Distill(Strict):
    """Learning from the full-precision network of the same layers as well, which the same recipe trains first.

    The loss is ``(1 - weight)`` times the labels' cross entropy plus ``weight * temperature^2`` times the divergence
    of the softened outputs (Hinton et al., arXiv 1503.02531).
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
    """Peak of the schedule: linear warm-up, then a cosine to zero."""
    warm_up: Annotated[float, Field(ge=0)] = 1.0
    """Epochs of warm-up."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Of weights that are not binary."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Of SGD."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    augment: Annotated[tuple[Literal["flip", "crop", "shift"], ...], Field(strict=False)] = ()
    """flip: left-right; crop: a random crop after padding by 4; shift: the same after padding by 1."""
    precision: Literal["float32", "bfloat16"] = "float32"
    images: Annotated[int, Field(ge=1)] | None = None
    """How many of the training pictures, the first ones; all if left out."""
    distill: Distill | None = None
    start: Literal["random", "full"] = "random"
    """From which weights: random ones, or those of the full-precision network, which is trained first."""
    full: Full = Full()
    real_weights: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the epochs, the first ones, in which binary weights are still real; the schedule begins anew after."""
    balance: bool = False
    """Whether every step moves the real weights behind the binary ones to a mean of zero per output channel."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0


class Spec(Strict):
    """A checked model file. Layers are in ``layers``; `steps` yields them with names and shapes."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)]
    dataset: Literal["digits", "mnist", "fashion_mnist", "cifar10", "imagenet"] | None = None
    input: Input
    classes: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    layers: Annotated[tuple[Layer, ...], Field(min_length=1, strict=False)]
    top_k: Annotated[int, Field(ge=1)] | None = None
    """How many of the best classes the accelerator names beside the logits; none if left out."""
    train: Train = Train()

    _steps: tuple[Step, ...] = PrivateAttr(default=())
    _source: YamlSource | None = PrivateAttr(default=None)

    def steps(self) -> tuple[Step, ...]:
        """Return the top-level layers with full names and shapes; a residual block is a step with a ``body``."""
        return self._steps

    def flat(self) -> Iterator[Step]:
        """Yield every layer in order, those of residual blocks repeated, before the block's own step."""
        for step in self._steps:
            yield from step.body
            yield step

    def foldings(self) -> dict[str, tuple[int, int]]:
        """Return ``{node name: (pe, simd)}`` of the layers that state a folding."""
        found = {}
        for step in self.flat():
            folding = getattr(step.layer, "folding", None)
            if folding is not None:
                found[step.name] = (folding.pe, folding.simd)
        return found

    def with_train(self, **changed: Any) -> Spec:
        """Return the same model with another recipe."""
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
            If a layer that reads them can read no binary ones.
        """
        return self._with_ternary(lambda _: Binary(kind="binary"))

    def with_gradient(self, gradient: Gradient) -> Spec:
        """Return the same model with that gradient estimator at all ternary activations."""
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
        """Return a `SpecError` about the layer of that node name, with its file and line."""
        for step in self.flat():
            if step.name == name and self._source is not None:
                error = self._source.error(step.path, sentence)
                place, _, rest = str(error).partition(f"{yaml_source.path_text(step.path)}: ")
                return SpecError(f"{place}{name}: {rest}")
        return SpecError(f"{self.name}: {name}: {sentence}")


def load_spec(model: str | Path) -> Spec:
    """Load a model file given as a path, else by its name in the packaged zoo.

    Raises
    ------
    SpecError
        If there is no such model, or the file is wrong; one sentence with file, line and place.
    """
    from quantize.zoo import find_model

    file = find_model(model)
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SpecError(f"{file}: not a model file: not UTF-8 text") from None
    except OSError as error:
        raise SpecError(f"{file}: cannot be read: {error.strerror}") from None
    return parse_spec(text, str(file) if file == Path(model) else file.name)


def parse_spec(text: str, file: str = "model.yaml") -> Spec:
    """Check a model file's text; ``file`` is the name that errors begin with."""
    source = YamlSource(text, file)
    _Normaliser(source).check(source.data)
    try:
        spec = Spec.model_validate(source.data)
    except ValidationError as error:
        raise _sentence(source, error) from None
    if spec.top_k is not None and spec.top_k > len(spec.classes):
        raise source.error(("top_k",), f"must be at most the number of classes {len(spec.classes)}, not {spec.top_k}")
    spec._source = source
    spec._steps = expand(spec.input.shape, spec.layers, len(spec.classes), source)
    return spec


@dataclass
class _Normaliser:
    """Turns ``batch_norm`` and ``conv: {...}`` into mappings with their word under ``kind``, and counts into names."""

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


def _sentence(source: YamlSource, error: ValidationError) -> SpecError:
    """Turn pydantic's first complaint into one of ours; an unknown key, which explains a missing one, comes first."""
    errors = error.errors(include_url=False)
    first = next((entry for entry in errors if entry["type"] == "extra_forbidden"), errors[0])
    path, kind, value, context = first["loc"], first["type"], first["input"], first.get("ctx", {})
    while path and isinstance(path[-1], str) and not _is_key(path[-1]):
        path = path[:-1]  # a member of a union, not a key
    words = {
        "greater_than": "must be greater than {gt}",
        "greater_than_equal": "must be at least {ge}",
        "less_than": "must be less than {lt}",
        "less_than_equal": "must be at most {le}",
        "literal_error": "must be {expected}",
        "string_type": "must be text",
        "int_type": "must be an integer",
        "float_type": "must be a number",
        "finite_number": "must be a finite number",
        "tuple_type": "must be a list",
        "string_pattern_mismatch": "must be a letter followed by letters, digits and underscores",
    }
    if kind == "missing":
        return source.error(path, "is missing")
    if kind == "extra_forbidden":
        return source.error(path, f"unknown key {path[-1]!r}")
    if kind == "union_tag_invalid":
        return source.error(path, f"unknown layer {value['kind']!r}; known are {context['expected_tags']}")
    if kind in ("model_type", "model_attributes_type"):
        return source.error(path, f"must be a mapping, not {value!r:.60}")
    if kind in ("too_short", "too_long"):
        return source.error(path, f"must hold {context.get('min_length', context.get('max_length'))} values or "
                            f"{'more' if kind == 'too_short' else 'fewer'}, not {context['actual_length']}")
    if kind == "literal_error" and path != first["loc"]:  # a word or a number
        return source.error(path, f"must be {context['expected']} or a number above 0, not {value!r:.60}")
    if kind in words:
        return source.error(path, f"{words[kind].format(**context)}, not {value!r:.60}")
    return source.error(path, f"{first['msg'][0].lower()}{first['msg'][1:]}, not {value!r:.60}")


def _is_key(part: str) -> bool:
    """Tell a key of the file from the names that pydantic gives the members of a union."""
    return part.isidentifier() and part not in ("int", "float", "str", "none")
