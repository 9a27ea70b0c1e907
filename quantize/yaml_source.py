"""Parses a YAML text and remembers the line of every value in it."""

from __future__ import annotations

import re
from typing import Any

import yaml

Path = tuple[str | int, ...]

_MAX_VALUES = 100_000


class SpecError(ValueError):
    """The model file cannot be used. The message is one sentence with file, line and place."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which here also reads ``1e-3`` as a number."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.\d*|\.\d+|\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def path_text(path: Path) -> str:
    """Return a path as the model file's author writes it: ``layers[7].conv.stride``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


class YamlSource:
    """The parsed ``data`` of a YAML text, and the line of every path in it.

    Anchors and merge keys work. A value reached through an alias has the line where it is written.

    Raises
    ------
    SpecError
        If the text is empty or not valid YAML, repeats a key in a mapping, has an alias that contains itself, or holds
        more than 100,000 values.
    """

    def __init__(self, text: str, file: str) -> None:
        self._file = file
        self._lines: dict[Path, int] = {}
        try:
            loader = _Loader(text)
            node = loader.get_single_node()
            if node is None:
                raise self.error((), "the model file is empty")
            self._walk(node, (), ())
            self.data: Any = loader.construct_document(node)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            raise SpecError(f"{file}:{line}: not valid YAML: {error.problem or error.context}") from None
        except yaml.YAMLError as error:
            raise SpecError(f"{file}: not valid YAML: {str(error).splitlines()[0]}") from None
        except RecursionError:
            raise SpecError(f"{file}: not valid YAML: nested too deeply") from None
        except ValueError as error:  # for example an impossible date
            raise error if isinstance(error, SpecError) else SpecError(f"{file}: not valid YAML: {error}") from None

    def _walk(self, node: yaml.Node, path: Path, above: tuple[yaml.Node, ...]) -> None:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if node in above:
            raise self.error(path, "an alias must not contain itself")
        if len(self._lines) > _MAX_VALUES:
            raise self.error(path, f"a model file must hold at most {_MAX_VALUES} values")
        above = (*above, node)
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._walk(item, (*path, index), above)
        elif isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                if key.tag == "tag:yaml.org,2002:merge":
                    for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                        self._walk(merged, path, above)
                    continue
                name = str(key.value)
                if name in seen:
                    line = key.start_mark.line + 1
                    raise SpecError(f"{self._file}:{line}: {path_text((*path, name))}: the key stands here twice")
                seen.add(name)
                self._lines[(*path, name)] = key.start_mark.line + 1
                self._walk(value, (*path, name), above)

    def line(self, path: Path) -> int:
        """Return the line of ``path``, or of its nearest parent that stands in the file."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def error(self, path: Path, sentence: str) -> SpecError:
        """Return a `SpecError` that says ``sentence`` about the value at ``path``."""
        place = f"{path_text(path)}: " if path else ""
        return SpecError(f"{self._file}:{self.line(path)}: {place}{sentence}")
