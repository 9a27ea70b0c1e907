"""What the YAML files have in common: models that convert nothing, and one sentence for what such a model refuses."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError

from quantize.yaml_source import Path, SpecError, YamlSource


class Strict(BaseModel):
    """A frozen model without type conversions. It refuses unknown keys and numbers that are not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def refusal(source: YamlSource, error: ValidationError, place: Path = ()) -> SpecError:
    """Return pydantic's first error about the value at ``place`` as ours.

    An unknown key comes first, as it may explain a missing one.
    """
    errors = error.errors(include_url=False)
    first = next((entry for entry in errors if entry["type"] == "extra_forbidden"), errors[0])
    path, kind, value, context = first["loc"], first["type"], first["input"], first.get("ctx", {})
    while path and isinstance(path[-1], str) and not _is_key(path[-1]):
        path = path[:-1]  # the name of a union's member, not a key of the file
    whole = path == first["loc"]
    path = (*place, *path)
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
    if kind == "literal_error" and not whole:  # the value may be a word or a number
        return source.error(path, f"must be {context['expected']} or a number above 0, not {value!r:.60}")
    if kind in words:
        return source.error(path, f"{words[kind].format(**context)}, not {value!r:.60}")
    return source.error(path, f"{first['msg'][0].lower()}{first['msg'][1:]}, not {value!r:.60}")


def _is_key(part: str) -> bool:
    """Tell whether a part of a path is a key of the file, and not pydantic's name of a union's member."""
    return part.isidentifier() and part not in ("int", "float", "str", "none")
