"""Folding files: YAML that gives the folding of nodes by name, as every build writes it and `--folding` reads it.

    layers[3].conv: {pe: 32, simd: 32}
    layers[5].ternary: {pe: 2, simd: 1}
    layers[6].conv: {pe: 4, simd: 32, weights: block}

`weights` says that a layer's weights lie in block RAM (`block`) or in LUTs (`logic`). Without it, they lie where they
cost less.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from quantize.folding_spec import AUTO, Stated, read_folding
from quantize.network import Network
from quantize.yaml_source import SpecError, YamlSource, read_text
from tbn_hw.shared.errors import ModelRefused, UsageError
from tbn_hw.streaming.folding import objection
from tbn_hw.streaming.kinds import kind_of
from tbn_hw.streaming.terms import Folding


def read(path: Path, network: Network) -> dict[str, Stated]:
    """The foldings that a file states, by node: (PE, SIMD) or (PE, SIMD, weights). It need not name all nodes.

    Raises UsageError for a file that cannot be read, ModelRefused with file and line for one that does not fit
    `network`.
    """
    try:
        text = read_text(path)
    except OSError as error:
        raise UsageError(f"--folding: {path}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise ModelRefused(f"{path}: a folding file must be UTF-8 text") from None
    try:
        source = YamlSource(text, str(path))
        if not isinstance(source.data, dict):
            raise source.error((), f"must be a mapping from nodes to foldings, not {source.data!r:.60}")
        return {name: _entry(source, name, value, network) for name, value in source.data.items()}
    except SpecError as error:
        raise ModelRefused(str(error)) from None


def text_of(foldings: Mapping[str, Folding]) -> str:
    """The folding file of `foldings`."""
    entries = {name: {"pe": entry.pe, "simd": entry.simd} | (
        {"weights": entry.weights} if entry.weights != AUTO else {}) for name, entry in foldings.items()}
    return yaml.safe_dump(entries, sort_keys=False, default_flow_style=None, allow_unicode=True, width=1000)


def _entry(source: YamlSource, name: Any, value: Any, network: Network) -> Stated:
    place = (str(name),)
    if name not in network.by_name:
        raise source.error(place, f"is no node of {network.name}; python -m tbn_hw.build --until fold names them all "
                                  "in folding.yaml")
    entry = read_folding(source, place, value)
    if entry.weights != AUTO and not kind_of(network.by_name[name]).has_weights:
        raise source.error((*place, "weights"), f"a {network.by_name[name].kind} has none")
    wrong = objection(network, name, entry.pe, entry.simd)
    if wrong is not None:
        raise source.error(place, wrong)
    return entry.stated
