"""Folding files: what a build writes is read back alike, and a wrong file is one sentence with its line."""

import pytest
from support.networks import chain, residual

from tbn_hw.shared.errors import ModelRefused, UsageError
from tbn_hw.streaming.folding import Folding, fold
from tbn_hw.streaming.folding_file import read, text_of
from tbn_hw.streaming.plan import plan


@pytest.mark.parametrize("network", [chain(), residual(top_k=2)], ids=["chain", "residual"])
def test_written_then_read(network, tmp_path):
    foldings = {name: entry for name, entry in fold(network, {}).items() if network.by_name[name].kind != "flatten"}
    assert foldings, "some nodes have an engine"
    (tmp_path / "folding.yaml").write_text(text_of(foldings))
    stated = read(tmp_path / "folding.yaml", network)
    assert stated == {name: (entry.pe, entry.simd) for name, entry in foldings.items()}
    assert {name: entry for name, entry in fold(network, stated).items() if name in foldings} == foldings


def test_where_weights_lie(tmp_path):
    network = chain()
    name = next(node.name for node in network.nodes if node.kind == "conv")
    (tmp_path / "f.yaml").write_text(text_of({name: Folding(1, 3, "block")}))
    assert read(tmp_path / "f.yaml", network) == {name: (1, 3, "block")}
    stated = fold(network, read(tmp_path / "f.yaml", network))
    assert stated[name] == Folding(1, 3, "block")
    for form, late in (("block", True), ("logic", False)):
        engines = plan(network, {**stated, name: Folding(1, 3, form)}, "ecp5").engines
        mvu = next(engine for engine in engines if engine.name == name).component().stages[1]
        assert mvu.late_weights == late


def test_what_is_left_out_follows_the_rule(tmp_path):
    network = chain()
    name = next(node.name for node in network.nodes if node.kind == "conv")
    (tmp_path / "f.yaml").write_text(f"# one layer\n{name}: {{pe: 2, simd: 3}}\nthreshold1: {{pe: 3}}\n")
    assert read(tmp_path / "f.yaml", network) == {name: (2, 3), "threshold1": (3, 1)}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "f.yaml:1: the model file is empty"),
        ("- 3\n", "f.yaml:1: must be a mapping from nodes to foldings, not [3]"),
        ("conv0: {pe: 1\n", "f.yaml:2: not valid YAML: "),
        ("\nconv9: {pe: 1, simd: 1}\n", "f.yaml:2: conv9: is no node of net; "),
        ("conv0: 4\n", "f.yaml:1: conv0: must be a mapping with the keys pe and simd, not 4"),
        ("conv0: {simd: 1}\n", "f.yaml:1: conv0: must be a mapping with the keys pe and simd, not {'simd': 1}"),
        ("conv0: {pe: 1, ram: 1}\n", "f.yaml:1: conv0: must be a mapping with the keys pe and simd, not {"),
        ("conv0:\n  pe: 1\n  simd: 1.5\n", "f.yaml:3: conv0.simd: must be a positive integer, not 1.5"),
        ("conv0:\n  pe: 0\n", "f.yaml:2: conv0.pe: must be a positive integer, not 0"),
        ("conv0: {pe: true}\n", "f.yaml:1: conv0.pe: must be a positive integer, not True"),
        ("3: {pe: 1}\n", "f.yaml:1: 3: is no node of net; "),
        ("conv0: {pe: 1}\nconv0: {pe: 1}\n", "f.yaml:2: conv0: the key stands here twice"),
        ("conv0: {pe: 4, simd: 1}\n",
         "f.yaml:1: conv0: PE 4 must evenly divide matrix height 6; divisors near it are 2, 3, 6"),
        ("conv0: {pe: 1, weights: stone}\n",
         "f.yaml:1: conv0.weights: must be one of auto, block, logic, not 'stone'"),
        ("threshold1: {pe: 1, weights: block}\n", "f.yaml:1: threshold1.weights: a threshold has none"),
        ("threshold1: {pe: 2, simd: 3}\n", "f.yaml:1: threshold1: SIMD of a threshold must be 1, not 3"),
    ],
)
def test_read_wrong(text, sentence, tmp_path):
    (tmp_path / "f.yaml").write_text(text)
    with pytest.raises(ModelRefused) as error:
        read(tmp_path / "f.yaml", chain())
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_read_nothing(tmp_path):
    with pytest.raises(UsageError, match="none.yaml: no such file or directory"):
        read(tmp_path / "none.yaml", chain())
    (tmp_path / "f.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ModelRefused, match="must be UTF-8 text"):
        read(tmp_path / "f.yaml", chain())
