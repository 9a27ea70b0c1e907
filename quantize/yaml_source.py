"""Parses a YAML text by a plain schema and remembers the line of every value in it."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable
from typing import Any

import yaml

Path = tuple[str | int, ...]

MOST_CHARACTERS = 1 << 20
MOST_VALUES = 100_000
"""Values of a file, those that aliases and merge keys repeat counted each time."""
MOST_DEPTH = 32
MOST_DIGITS = 64
"""Characters of a number."""

_PLAIN: tuple[tuple[str, Callable[[str], Any]], ...] = (
    (r"|~|null|Null|NULL", lambda text: None),
    (r"true|True|TRUE", lambda text: True),
    (r"false|False|FALSE", lambda text: False),
    (r"[-+]?(0|[1-9][0-9]*)", int),
    (r"0x[0-9a-fA-F]+|0o[0-7]+", lambda text: int(text, 0)),
    (r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?", float),
    (r"[-+]?\.(inf|Inf|INF)", lambda text: float(text.replace(".", ""))),
    (r"\.(nan|NaN|NAN)", lambda text: float("nan")),
)
"""What plain scalars stand for: the core schema of YAML 1.2 without leading zeros. All others are text."""
_SCHEMA = tuple((re.compile(pattern), convert) for pattern, convert in _PLAIN)


class SpecError(ValueError):
    """The model file cannot be used. The message is one sentence with file, line and place."""


class _Refused(yaml.MarkedYAMLError):
    """What a YAML text may hold and ours may not; ``problem`` is the sentence."""


class _Loader(yaml.BaseLoader):
    """PyYAML's composer, which here refuses tags, and nodes beyond `MOST_VALUES` and `MOST_DEPTH`."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._nodes = self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _Refused(problem=f"tags such as {tag!r:.60} are not read; leave it out, or quote what shall be text",
                           problem_mark=event.start_mark)
        self._nodes += 1
        self._depth += 1
        if self._nodes > MOST_VALUES:
            raise _Refused(problem=f"must hold at most {MOST_VALUES} values", problem_mark=event.start_mark)
        if self._depth > MOST_DEPTH:
            raise _Refused(problem=f"must be nested at most {MOST_DEPTH} deep", problem_mark=event.start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def read_text(file: pathlib.Path) -> str:
    """Return a file's text, or as much of it as `YamlSource` needs to refuse it. Raises OSError, UnicodeDecodeError."""
    with file.open(encoding="utf-8") as opened:
        return opened.read(MOST_CHARACTERS + 1)


def path_text(path: Path) -> str:
    """Return a path as the model file's author writes it: ``layers[7].conv.stride``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


class YamlSource:
    """The parsed ``data`` of a YAML text, and the line of every path in it.

    Its values are text, integers, floats, truth values and None, in lists and in mappings. Keys are text. Anchors and
    merge keys work. A value reached through an alias has the line where it is written. There are no tags, and so no
    dates and no numbers to base 60.

    Raises
    ------
    SpecError
        If the text is empty or not valid YAML, holds a tag, repeats a key in a mapping, has an alias that contains
        itself, or exceeds one of `MOST_CHARACTERS`, `MOST_VALUES`, `MOST_DEPTH` and `MOST_DIGITS`.
    """

    def __init__(self, text: str, file: str) -> None:
        self._file = file
        self._lines: dict[Path, int] = {}
        self._values = 0
        if len(text) > MOST_CHARACTERS:
            raise SpecError(f"{file}: must have at most {MOST_CHARACTERS} characters")
        root = self._compose(text)
        if root is None:
            raise self.error((), "the file is empty")
        self.data: Any = self._value(root, (), ())

    def _compose(self, text: str) -> yaml.Node | None:
        file = self._file
        try:
            return _Loader(text).get_single_node()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            why = "" if isinstance(error, _Refused) else "not valid YAML: "
            raise SpecError(f"{file}:{mark.line + 1 if mark else 1}: {why}{error.problem or error.context}") from None
        except Exception as error:  # the scanner's own: an escape that is no character, a version of many digits
            raise SpecError(f"{file}: not valid YAML: {str(error).partition(chr(10))[0]}") from None

    def _value(self, node: yaml.Node, path: Path, above: tuple[yaml.Node, ...]) -> Any:
        """Return the value of a node at ``path``, and note its lines. ``above`` are the nodes that it is in."""
        self._lines.setdefault(path, node.start_mark.line + 1)
        if node in above:
            raise self.error(path, "an alias must not contain itself")
        self._count(path, len(above))
        above = (*above, node)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, index), above) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, above)
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path, above: tuple[yaml.Node, ...]) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: list[yaml.Node] = []
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._at(key, path, "a key must be text")
            name = key.value
            if name == "<<" and key.style is None:
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
                continue
            if name in own:
                raise self._at(key, (*path, name), "the key stands here twice")
            self._lines.setdefault((*path, name), key.start_mark.line + 1)
            own[name] = self._value(value, (*path, name), above)
        rest: dict[str, Any] = {}
        for other in merged:  # of two with one key the first has the word
            if not isinstance(other, yaml.MappingNode):
                raise self._at(other, path, "'<<' must merge a mapping, or a list of mappings")
            for name, value in self._value(other, path, above).items():
                rest.setdefault(name, value)
        return {**rest, **own}

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        text = node.value
        if node.style is not None:
            return text
        for pattern, convert in _SCHEMA:
            if pattern.fullmatch(text):
                if len(text) > MOST_DIGITS:
                    raise self.error(path, f"a number must have at most {MOST_DIGITS} characters, not {len(text)}")
                return convert(text)
        return text

    def _count(self, path: Path, depth: int) -> None:
        self._values += 1
        if self._values > MOST_VALUES:
            raise self.error(path, f"must hold at most {MOST_VALUES} values")
        if depth >= MOST_DEPTH:
            raise self.error(path, f"must be nested at most {MOST_DEPTH} deep")

    def _at(self, node: yaml.Node, path: Path, sentence: str) -> SpecError:
        place = f"{path_text(path)}: " if path else ""
        return SpecError(f"{self._file}:{node.start_mark.line + 1}: {place}{sentence}")

    def line(self, path: Path) -> int:
        """Return the line of ``path``, or of its nearest parent that stands in the file."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def error(self, path: Path, sentence: str) -> SpecError:
        """Return a `SpecError` that says ``sentence`` about the value at ``path``."""
        place = f"{path_text(path)}: " if path else ""
        return SpecError(f"{self._file}:{self.line(path)}: {place}{sentence}")
