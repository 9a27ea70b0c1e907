"""Folding files: a build's own file is read back unchanged, and a wrong file is one sentence with its line."""

import pytest
from support.networks import Builder, chain, residual

from quantize.spec import SpecError, parse_spec
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


WRONG = [  # what no file may state as a folding
    ("4", "", "must be a mapping, not 4"),
    ("{simd: 1}", ".pe", "is missing"),
    ("{pe: 1, ram: 1}", ".ram", "unknown key 'ram'"),
    ("{pe: 0}", ".pe", "must be at least 1, not 0"),
    ("{pe: true}", ".pe", "must be an integer, not True"),
    ("{pe: 1, simd: x}", ".simd", "must be an integer, not 'x'"),
    ("{pe: 1, weights: stone}", ".weights", "must be 'auto', 'block' or 'logic', not 'stone'"),
]
MODEL = """name: net
input: {shape: [4, 4, 1]}
classes: 2
layers: [flatten, {dense: {units: 2, weights: binary, folding: %s}}]
"""


@pytest.mark.parametrize(("text", "place", "sentence"), WRONG)
def test_a_model_file_says_the_same(text, place, sentence):
    with pytest.raises(SpecError) as error:
        parse_spec(MODEL % text, "m.yaml")
    assert str(error.value) == f"m.yaml:4: layers[1].dense.folding{place}: {sentence}"


@pytest.mark.parametrize("text", ["{pe: 2}", "{pe: 1, simd: 8}", "{pe: 2, simd: 16, weights: logic}"])
def test_a_model_file_takes_the_same(text, tmp_path):
    net = Builder((4, 4, 1))
    name = net.dense(net.flatten("input"), 2)
    (tmp_path / "f.yaml").write_text(f"{name}: {text}\n")
    network = net.network(name)
    assert list(parse_spec(MODEL % text).foldings().values()) == list(read(tmp_path / "f.yaml", network).values())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "f.yaml:1: the file is empty"),
        ("- 3\n", "f.yaml:1: must be a mapping from nodes to foldings, not [3]"),
        ("conv0: {pe: 1\n", "f.yaml:2: not valid YAML: "),
        ("\nconv9: {pe: 1, simd: 1}\n", "f.yaml:2: conv9: is no node of net; "),
        *((f"conv0: {text}\n", f"f.yaml:1: conv0{place}: {sentence}") for text, place, sentence in WRONG),
        ("conv0:\n  pe: 1\n  simd: 1.5\n", "f.yaml:3: conv0.simd: must be an integer, not 1.5"),
        ("3: {pe: 1}\n", "f.yaml:1: 3: is no node of net; "),
        ("conv0: {pe: 1}\nconv0: {pe: 1}\n", "f.yaml:2: conv0: the key stands here twice"),
        ("conv0: {pe: 4, simd: 1}\n",
         "f.yaml:1: conv0: PE 4 must evenly divide matrix height 6; divisors near it are 2, 3, 6"),
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
