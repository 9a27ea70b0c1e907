"""The tables of `docs/report.md`, from the schema: `PYTHONPATH=tests python -m support.report_keys` prints them."""

import types
import typing

from pydantic import BaseModel

from tbn_hw.report.schema import Report

WORDS = {str: "text", int: "integer", bool: "true or false"}


def kind(annotation):
    """A type in words."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        rest = [part for part in inner if part is not type(None)]
        word = "number" if set(rest) == {int, float} else " or ".join(map(kind, rest))
        return f"{word} or null" if len(rest) < len(inner) else word
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin is list:
        return f"list of {kind(inner[0])}s" if inner[0] is not str else "list of texts"
    if origin is dict:
        return f"object of {kind(inner[1])}s" if inner[1] is not str else "object of texts"
    return "object" if issubclass(annotation, BaseModel) else WORDS[annotation]


def inside(annotation):
    """The model in a type, and how a key in it is reached; None where there is none."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        return next((found for part in inner if (found := inside(part))), None)
    if origin in (list, dict):
        found = inside(inner[-1])
        return found and (found[0], {list: "[]", dict: ".*"}[origin] + found[1])
    return (annotation, "") if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def rows(model=Report, prefix=""):
    """(key, type, meaning) of each key, those of an object behind it; `[]` is any entry, `*` any name."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        yield key, kind(field.annotation), field.description
        found = inside(field.annotation)
        if found:
            yield from rows(found[0], f"{key}{found[1]}.")


def tables():
    """The text of the tables, one of the keys of the report itself, and one for each that holds others."""
    found = list(rows())
    parts = [("Keys of the report", [row for row in found if "." not in row[0].replace("[]", "")])]
    for key, _, _ in parts[0][1]:
        own = [row for row in found if row[0].startswith((f"{key}.", f"{key}[]."))]
        if own:
            parts.append((f"`{key}`", own))
    return "\n".join(
        f"## {title}\n\n| key | type | what it says |\n|---|---|---|\n"
        + "".join(f"| `{key}` | {word} | {meaning} |\n" for key, word, meaning in part) for title, part in parts)


if __name__ == "__main__":
    print(tables())
