"""What checked files have in common: models that convert nothing, and one sentence for what such a model refuses."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from quantize.limits import MOST_NAME
from quantize.text import is_printable
from quantize.yaml_source import Path, SpecError, YamlSource

_WORDS = {
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "string_type": "must be text",
    "int_type": "must be an integer",
    "int_from_float": "must be an integer",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "string_pattern_mismatch": "must be a letter followed by letters, digits and underscores",
    "string_too_long": "must have at most {max_length} letters",
}


FORMS = ("one number", "a list of two", "a list of four", "a word")
"""Names of the members of a union whose values differ in form. No key of a file is called so."""


class Strict(BaseModel):
    """A frozen model without type conversions. It refuses unknown keys and numbers that are not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _printable(text: str) -> str:
    if not is_printable(text):
        raise ValueError("must have no control characters")
    return text


Name = Annotated[str, Field(max_length=MOST_NAME), AfterValidator(_printable)]
"""A name that a terminal can show."""


def first_fault(error: ValidationError) -> tuple[Path, str]:
    """Return the place of pydantic's first error, and a sentence about the value there.

    An unknown key comes first, as it may explain a missing one.
    """
    errors = error.errors(include_url=False)
    first = next((entry for entry in errors if entry["type"] == "extra_forbidden"), errors[0])
    path, kind, value, context = first["loc"], first["type"], first["input"], first.get("ctx", {})
    path = tuple(part for part in path if part not in FORMS)
    if kind == "extra_forbidden":
        return path, f"unknown key {path[-1]!r:.60}"
    while path and isinstance(path[-1], str) and not _is_key(path[-1]):
        path = path[:-1]  # the name of a union's member, not a key of the file
    if kind == "json_invalid":
        return path, f"not JSON: {context['error']}"
    if kind == "missing":
        return path, "is missing"
    if kind == "union_tag_invalid":
        return path, f"unknown layer {value['kind']!r:.60}; known are {context['expected_tags']}"
    if kind in ("too_short", "too_long"):
        return path, (f"must hold {context.get('min_length', context.get('max_length'))} values or "
                      f"{'more' if kind == 'too_short' else 'fewer'}, not {context['actual_length']}")
    if kind == "literal_error" and path != first["loc"]:  # the value may be a word or a number
        others = "numbers" if FORMS[3] in first["loc"] else "a number above 0"
        return path, f"must be {context['expected']} or {others}, not {value!r:.60}"
    if kind == "value_error":  # of a validator of ours
        return path, f"{context['error']}, not {value!r:.60}"
    words = _WORDS[kind].format(**context) if kind in _WORDS else f"{first['msg'][0].lower()}{first['msg'][1:]}"
    return path, f"{words}, not {value!r:.60}"


def refusal(source: YamlSource, error: ValidationError, place: Path = ()) -> SpecError:
    """Return pydantic's first error about the value at ``place`` as ours."""
    path, sentence = first_fault(error)
    return source.error((*place, *path), sentence)


def _is_key(part: str) -> bool:
    """Tell whether a part of a path is a key of the file, and not pydantic's name of a union's member."""
    return part.isidentifier() and part not in ("int", "float", "str", "none")
