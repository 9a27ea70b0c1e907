"""Model files: names, shapes, foldings, and every error's sentence with its line."""

import time

import pytest

from quantize.folding_spec import divisors
from quantize.nodes.window import Window
from quantize.spec import SpecError, load_spec, parse_spec
from quantize.yaml_source import YamlSource
from quantize.zoo import model_names

GOOD = """\
name: small
input:
  shape: [8, 8, 1]
classes: [a, b]
layers:
  - conv: {channels: 4, kernel: 3, padding: 1, weights: int8}
  - batch_norm
  - fixed: {width: 16}
  - residual:
      channels: 4
      repeat: 2
      body: &block
        - batch_norm
        - ternary
        - conv: {kernel: 3, padding: 1, weights: binary, folding: {pe: 2, simd: 9}}
  - residual: {channels: 6, stride: 2, body: *block}
  - batch_norm
  - ternary
  - flatten
  - dense: {units: 2, weights: binary}
"""


def test_steps_have_names_and_shapes():
    spec = parse_spec(GOOD.replace("simd: 9", "simd: 3"))
    steps = {step.name: step for step in spec.flat()}
    assert list(steps)[3:8] == [
        "layers[3].residual[0].body[0].batch_norm", "layers[3].residual[0].body[1].ternary",
        "layers[3].residual[0].body[2].conv", "layers[3].residual[0]", "layers[3].residual[1].body[0].batch_norm",
    ]
    conv = steps["layers[4].residual[0].body[2].conv"]
    assert (conv.input, conv.output, conv.layer.stride) == ((8, 8, 4), (4, 4, 6), 2)
    assert steps["layers[3].residual[1].body[2].conv"].layer.stride == 1
    assert steps["layers[8].dense"].input == (1, 1, 96)
    assert spec.foldings() == {
        f"layers[{block}].body[2].conv": (2, 3) for block in ("3].residual[0", "3].residual[1", "4].residual[0")
    }


@pytest.mark.parametrize(("layer", "window", "size"), [
    ("conv: {channels: 4, kernel: 3, weights: int8}", Window((3, 3)), (6, 6)),
    ("conv: {channels: 4, kernel: [3, 1], stride: 3, weights: int8}", Window((3, 1), (3, 3)), (2, 3)),
    ("conv: {channels: 4, kernel: [1, 5], stride: [5, 2], padding: [0, 2], weights: int8}",
     Window((1, 5), (5, 2), (0, 2, 0, 2)), (2, 4)),
    ("conv: {channels: 4, kernel: 2, padding: [1, 0, 0, 1], dilation: [3, 1], weights: int8}",
     Window((2, 2), (1, 1), (1, 0, 0, 1), (3, 1)), (6, 8)),
    ("conv: {channels: 4, kernel: [4, 3], stride: [1, 3], padding: same, weights: int8}",
     Window((4, 3), (1, 3), (1, 0, 2, 1)), (8, 3)),
    ("max_pool: {kernel: [1, 4]}", Window((1, 4), (1, 4)), (8, 2)),
    ("max_pool: {kernel: 3, stride: 2, padding: 1}", Window((3, 3), (2, 2), (1, 1, 1, 1)), (4, 4)),
    ("avg_pool: {kernel: [8, 1], stride: 1}", Window((8, 1)), (1, 8)),
])
def test_windows(layer, window, size):
    """One number or two, padding by side or "same", and what a checkpoint's text has of it is what the file says."""
    channels, between = (4, "- ternary") if "conv" in layer else (2, "")
    text = f"""
name: m
input: {{shape: [8, 8, 2]}}
classes: [a, b]
layers:
  - {layer}
  {between}
  - flatten
  - dense: {{units: 2, weights: int8}}
"""
    step = parse_spec(text).steps()[0]
    assert step.window == window and step.output == (*size, channels)
    said = step.layer.model_dump(exclude_defaults=True)
    assert all(key in layer for key in said if key != "kind")
    assert {"dilation", "padding"} & set(step.layer.model_dump()) == {
        key for key in ("dilation", "padding") if key in layer or (key == "padding" and "conv" in layer)}


def test_defaults_of_the_recipe():
    spec = parse_spec(GOOD)
    assert (spec.train.batch, spec.train.optimizer, spec.dataset, spec.input.resize) == (128, "adam", None, None)
    assert spec.with_train(epochs=3).train.epochs == 3


@pytest.mark.parametrize("name", ["tbn_digits", "tbn_resnet", "tbn_cnv", "tbn_vgg", "tbn_lenet", "tbn_fashion"])
def test_zoo(name):
    spec = load_spec(name)
    assert spec.name == name and name in model_names()
    assert spec.model_dump() == load_spec(f"{name}.yaml").model_dump()
    kinds = [step.kind for step in spec.flat()]
    convs = {"tbn_digits": 2, "tbn_resnet": 19, "tbn_cnv": 6, "tbn_vgg": 6, "tbn_lenet": 2, "tbn_fashion": 2}
    assert kinds.count("conv") == convs[name]


def test_lenet_is_one_network_on_two_data_sets():
    digits, clothes = load_spec("tbn_lenet"), load_spec("tbn_fashion")
    assert digits.layers == clothes.layers and digits.input == clothes.input
    assert (digits.dataset, clothes.dataset) == ("mnist", "fashion_mnist")


def test_foldings_of_cnv_are_those_of_finn():
    assert list(load_spec("tbn_cnv").foldings().values()) == [
        (16, 3), (32, 32), (16, 32), (16, 32), (4, 32), (1, 32), (1, 4), (1, 8), (2, 1)]


def test_where_weights_lie():
    """As in a folding file; a folding without it is written as it was before the key came, in checkpoints too."""
    text = GOOD.replace("units: 2, ", "units: 2, folding: {pe: 2}, ")
    assert list(parse_spec(text.replace("simd: 9", "simd: 9, weights: block")).foldings().values()) == [
        *[(2, 9, "block")] * 3, (2, 1)]
    layers = parse_spec(text).model_dump()["layers"]
    assert (layers[3]["body"][2]["folding"], layers[-1]["folding"]) == ({"pe": 2, "simd": 9}, {"pe": 2, "simd": 1})


def test_merge_keys_and_exponents():
    spec = parse_spec(GOOD + "train: {epochs: 2, learning_rate: 1e-3}\n")
    assert spec.train.learning_rate == 0.001
    body = "[batch_norm, ternary, {conv: {<<: &c {kernel: 3, padding: 1}, weights: binary}}]"
    merged = GOOD.replace("&block", "").replace("*block", body)
    assert [step.name for step in parse_spec(merged).flat()][-6].endswith("body[2].conv")


WRONG = {
    "channels: 4, kernel: 3, padding: 1, weights: int8": [
        ("channels: 4, kernel: 3, stride: 0, weights: int8",
         "m.yaml:6: layers[0].conv.stride: must be at least 1, not 0"),
        ("channels: 4, kernel: [3, 0], weights: int8", "m.yaml:6: layers[0].conv.kernel[1]: must be at least 1, not 0"),
        ("channels: 4, kernel: [3, 3, 3], weights: int8",
         "m.yaml:6: layers[0].conv.kernel: must hold 2 values or fewer, not 3"),
        ("channels: 4, kernel: [3], weights: int8", "m.yaml:6: layers[0].conv.kernel[1]: is missing"),
        ("channels: 4, kernel: same, weights: int8",
         "m.yaml:6: layers[0].conv.kernel: must be an integer, not 'same'"),
        ("channels: 4, kernel: 3, padding: valid, weights: int8",
         "m.yaml:6: layers[0].conv.padding: must be 'same' or numbers, not 'valid'"),
        ("channels: 4, kernel: 3, padding: [0, 1, 2], weights: int8",
         "m.yaml:6: layers[0].conv.padding[3]: is missing"),
        ("channels: 4, kernel: 3, padding: [0, 0, 0, -1], weights: int8",
         "m.yaml:6: layers[0].conv.padding[3]: must be at least 0, not -1"),
        ("channels: 4, kernel: [3, 1], padding: 1, weights: int8",
         "m.yaml:6: layers[0].conv: padding 1 must be less than kernel 1"),
        ("channels: 4, kernel: 3, dilation: [1, 4], weights: int8",
         "m.yaml:6: layers[0].conv: the 9 pixels that kernel 3 spans must not exceed the padded input 8x8"),
        ("channels: 4, kernel: 0, weights: int8", "m.yaml:6: layers[0].conv.kernel: must be at least 1, not 0"),
        ("channels: 4, kernel: '3', weights: int8", "m.yaml:6: layers[0].conv.kernel: must be an integer, not '3'"),
        ("channels: 4, kernel: true, weights: int8", "m.yaml:6: layers[0].conv.kernel: must be an integer, not True"),
        ("channels: 4, kernel: 3", "m.yaml:6: layers[0].conv.weights: is missing"),
        ("channels: 4, kernl: 3, weights: int8", "m.yaml:6: layers[0].conv.kernl: unknown key 'kernl'"),
        ("channels: 4, kernel: 3, weights: ternary",
         "m.yaml:6: layers[0].conv.weights: must be 'binary' or 'int8', not 'ternary'"),
        ("channels: 4, kernel: 3, weights: int8, bias: 1", "m.yaml:6: layers[0].conv.bias: unknown key 'bias'"),
        ("kind: conv, channels: 4, kernel: 3, weights: int8", "m.yaml:6: layers[0].conv.kind: unknown key 'kind'"),
        ("kernel: 3, weights: int8", "m.yaml:6: layers[0].conv: channels is missing"),
        ("channels: 4, kernel: 9, weights: int8",
         "m.yaml:6: layers[0].conv: kernel 9 must not exceed the padded input 8x8"),
        ("channels: 4, kernel: 1, padding: 1, weights: int8",
         "m.yaml:6: layers[0].conv: padding 1 must be less than kernel 1"),
        ("channels: 4, channels: 5, kernel: 1, weights: int8",
         "m.yaml:6: layers[0].conv.channels: the key stands here twice"),
        ("channels: 4, kernel: 3, padding: 1, weights: int8, folding: {pe: 3, simd: 9}",
         "m.yaml:6: layers[0].conv.folding.pe: PE 3 must evenly divide matrix height 4; "
         "divisors near it are 1, 2, 4"),
    ],
    "- batch_norm\n  - fixed": [
        ("- batchnorm\n  - fixed", "m.yaml:7: layers[1]: unknown layer 'batchnorm'; known are"),
        ("- [1]\n  - fixed", "m.yaml:7: layers[1]: a layer must be a word or a mapping with one key, not [1]"),
        ("- relu: 3\n  - fixed", "m.yaml:7: layers[1].relu: must be a mapping, not 3"),
        ("- flatten\n  - fixed",
         "m.yaml:7: layers[1].flatten: flatten cannot read a dot product; put 'ternary', 'binary' or 'int8' between"),
        ("- {relu: {}, flatten: {}}\n  - fixed",
         "m.yaml:7: layers[1]: a layer must be a word or a mapping with one key, not {'relu': {}, 'flatten': {}}"),
    ],
    "- batch_norm\n  - fixed: {width: 16}": [
        ("- relu\n  - batch_norm\n  - fixed: {width: 16}",
         "m.yaml:9: layers[3].fixed: fixed cannot read a batch norm behind a relu; put the relu behind it"),
    ],
    "  - ternary\n  - flatten": [
        *((f"  - ternary: {{delta: {text}}}\n  - flatten",
           f"m.yaml:18: layers[6].ternary.delta: must be 'running' or a number above 0, not {shown}")
          for text, shown in (("0", "0"), (".nan", "nan"), (".inf", "inf"), ("walking", "'walking'"))),
        ("  - relu\n  - batch_norm\n  - int8\n  - flatten",
         "m.yaml:20: layers[8].int8: int8 cannot read a batch norm behind a relu; put the relu behind it"),
    ],
    "  - fixed: {width: 16}\n": [
        ("", "m.yaml:8: layers[2].residual: must follow a fixed layer or another residual; put 'fixed' before it"),
        ("  - fixed: {width: 2}\n", "m.yaml:8: layers[2].fixed.width: must be at least 4, not 2"),
    ],
    "channels: 6, stride: 2, body: *block": [
        ("channels: 3, stride: 2, body: *block",
         "m.yaml:16: layers[4].residual: channels 3 must not be fewer than the shortcut's 4"),
        ("channels: 6, body: [batch_norm, ternary, {conv: {kernel: 3, weights: binary}}]",
         "m.yaml:16: layers[4].residual: the body's output 6x6x6 must have the shortcut's shape 8x8x6"),
        ("channels: 6, body: [batch_norm, ternary]",
         "m.yaml:16: layers[4].residual: the body must end in a convolution or batch norm, not ternary"),
        ("channels: 6, body: [ternary, {conv: {kernel: 1, weights: int8}}, relu, batch_norm]",
         "m.yaml:16: layers[4].residual.body[3].batch_norm: the body must not end in batch_norm behind a relu"),
        ("channels: 6, body: [ternary, {conv: {kernel: 1, stride: 2, weights: int8}}]",
         "m.yaml:16: layers[4].residual.body[1].conv: stride 2 must equal the block's 1"),
        ("channels: 6, body: []", "m.yaml:16: layers[4].residual.body: must hold 1 values or more, not 0"),
    ],
    "units: 2": [
        ("units: 3", "m.yaml:20: layers[8].dense: units 3 must equal the number of classes 2"),
    ],
    "  - flatten\n": [
        ("", "m.yaml:19: layers[7].dense: the input must be 1x1 pixels, not 4x4x6; put 'flatten' before it"),
    ],
    "  - dense: {units: 2, weights: binary}\n": [
        ("", "m.yaml:19: layers[7].flatten: the last layer must be dense"),
    ],
    "[8, 8, 1]": [
        ("[8, 8]", "m.yaml:3: input.shape[2]: is missing"),
        ("[8, 8, 1]\n  resize: 8192", "m.yaml:4: input.resize: must be at most 4096, not 8192"),
        ("[8, 0, 1]", "m.yaml:3: input.shape[1]: must be at least 1, not 0"),
        ("8", "m.yaml:3: input.shape: must be a list, not 8"),
    ],
    "classes: [a, b]": [
        ("classes: [a, b]\ncolour: red", "m.yaml:5: colour: unknown key 'colour'"),
        ("classes: [a, b]\ntop_k: 3", "m.yaml:5: top_k: must be at most the number of classes 2, not 3"),
        ("classes: [a, b]\ntop_k: 0", "m.yaml:5: top_k: must be at least 1, not 0"),
        ("classes: true", "m.yaml:4: classes: must be a list, not True"),
        ("classes: [a, b]\ntrain: {learning_rate: .inf}",
         "m.yaml:5: train.learning_rate: must be a finite number, not inf"),
        ('classes: [a, "b\\e[2J"]', "m.yaml:4: classes[1]: must have no control characters, not 'b\\x1b[2J'"),
        (f"classes: [a, {'b' * 1025}]", "m.yaml:4: classes[1]: must have at most 1024 letters, not 'bbb"),
        ("classes: [a, 2]", "m.yaml:4: classes[1]: must be text, not 2"),
        ("classes: [a, b", "m.yaml:5: not valid YAML: expected ',' or ']', but got ':'"),
        ("classes: &c [a, *c]", "m.yaml:4: classes[1]: an alias must not contain itself"),
    ],
    "name: small": [
        ("name: 3d", "m.yaml:1: name: must be a letter followed by letters, digits and underscores, not '3d'"),
    ],
}


@pytest.mark.parametrize("old, new, sentence", [(old, *pair) for old, pairs in WRONG.items() for pair in pairs])
def test_spec_wrong(old, new, sentence):
    assert old in GOOD
    with pytest.raises(SpecError) as caught:
        parse_spec(GOOD.replace(old, new, 1), "m.yaml")
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text, sentence", [
    ("", "m.yaml:1: the file is empty"),
    ("- 1", "m.yaml:1: a model file must be a mapping of keys to values"),
    ("\x00", "m.yaml: not valid YAML: unacceptable character #x0000: special characters are not allowed"),
    ("[" * 1500, "m.yaml:1: must be nested at most 32 deep"),
    ("a: &a {b: 1}\nc: " + "{x: " * 30 + "*a" + "}" * 30, f"m.yaml:1: c{'.x' * 30}.b: must be nested at most 32 deep"),
    ("#" * (1 << 20) + "\na: 1", "m.yaml: must have at most 1048576 characters"),
    ("a: 1\nb: [" + "[]," * 100_000 + "]", "m.yaml:2: must hold at most 100000 values"),
    ("%YAML 1." + "0" * 5000 + "\n---\na: 1", "m.yaml: not valid YAML: "),
    ("name: \"\\UFFFFFFFF\"", "m.yaml: not valid YAML: "),
    ("? [a]\n: 1", "m.yaml:1: a key must be text"),
    ("a: {<<: 3}", "m.yaml:1: a: '<<' must merge a mapping, or a list of mappings"),
    ("colour-x: 1", "m.yaml:1: colour-x: unknown key 'colour-x'"),
    ("1: 1", "m.yaml:1: 1: unknown key '1'"),
])
def test_not_a_model_file(text, sentence):
    with pytest.raises(SpecError) as caught:
        parse_spec(text, "m.yaml")
    assert str(caught.value).startswith(sentence)


def test_aliases_cannot_explode():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 10) + "]" for i in range(1, 9)]
    with pytest.raises(SpecError, match="must hold at most 100000 values$"):
        parse_spec("\n".join(lines))


def test_merge_keys_cannot_explode():
    """Each merges the one before it ten times. The result has few keys but takes much work."""
    lines = ["a0: &a0 {k0: 1}"]
    lines += [f"a{i}: &a{i} {{k{i}: 1, <<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 31)]
    with pytest.raises(SpecError, match="must hold at most 100000 values$"):
        parse_spec("\n".join(lines))


@pytest.mark.parametrize("tagged", [
    "!!int 3x", "!!float ''", "!!timestamp x", "!!binary '*'", "!!bool maybe", "!!str 3", "!!omap 3", "!!set [1]",
    "!mine 3", "! 3", "!!python/object:os.system x", "!!map {a: 1}", "!!seq [1]",
])
def test_tags_are_refused(tagged):
    with pytest.raises(SpecError, match=r"^m\.yaml:2: tags such as '.*' are not read; leave it out, or quote what "):
        parse_spec(f"name: x\nclasses: {tagged}\n", "m.yaml")


@pytest.mark.parametrize("text, value", [
    ("3", 3), ("-3", -3), ("+3", 3), ("0", 0), ("0x1f", 31), ("0o17", 15), ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5),
    ("1.", 1.0), ("-.inf", -float("inf")), ("true", True), ("False", False), ("~", None), ("", None), ("null", None),
    # text, where YAML 1.1 has numbers to other bases, truth values and dates
    *((text, text) for text in ("1:30", "1_000", "017", "0b11", "yes", "No", "on", "2020-01-01", "1e", "0x", "=", ".")),
    ("'3'", "3"), ('"~"', "~"),
])
def test_plain_schema(text, value):
    found = YamlSource(f"a: {text}", "m.yaml").data["a"]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("digits", ["9", "0xf", "0o7", "0.1", "-1", "1e1"])
def test_long_numbers_are_refused(digits):
    """Python converts no integer of thousands of digits to decimal text, so it must not come to print one."""
    number = digits + 5000 * digits[-1]
    for key in ("top_k: {}", "train: {{epochs: {}}}", "layers: [{{dense: {{units: {}}}}}]", "classes: [{}]", "x: {}"):
        with pytest.raises(SpecError, match=r": a number must have at most 64 characters, not \d+$"):
            parse_spec(key.format(number))


def test_limits():
    """Refused with a sentence before anything of that size is made."""
    lines = ("name: a\ninput: {shape: [4096, 4096, 1024]}\nclasses: [a]\n"
             "layers: [flatten, {dense: {units: 1, weights: int8}}]")
    with pytest.raises(SpecError, match=r"^m\.yaml:2: input\.shape: 4096x4096x1024 must be at most 16777216 elements$"):
        parse_spec(lines, "m.yaml")
    wide = GOOD.replace("channels: 4, kernel: 3, padding: 1", "channels: 65536, kernel: 1, padding: 0")
    with pytest.raises(SpecError, match=r":6: layers\[0\]\.conv: the output 16x32x65536 must be at most 16777216 elem"):
        parse_spec(wide.replace("[8, 8, 1]", "[16, 32, 1]"), "m.yaml")
    heavy = GOOD.replace("units: 2", "units: 65536").replace("[8, 8, 1]", "[512, 512, 1]")
    with pytest.raises(SpecError, match=r"^m\.yaml:20: layers\[8\]\.dense: a network must have at most 268435456 w"):
        parse_spec(heavy, "m.yaml")
    body = "[" + "batch_norm, ternary, {conv: {kernel: 1, weights: binary}}, " * 500 + "]"
    long = GOOD.replace("channels: 6, stride: 2, body: *block", f"channels: 6, stride: 2, repeat: 256, body: {body}")
    start = time.monotonic()
    with pytest.raises(SpecError, match=r":16: layers\[4\]\.residual: a network must have at most 4096 layers, and here"
                                        r" it has 384267$"):
        parse_spec(long, "m.yaml")
    assert time.monotonic() - start < 10


def test_divisors():
    for number in (*range(1, 200), 4096, 36 * 36):
        assert divisors(number) == [value for value in range(1, number + 1) if number % value == 0]
    assert divisors(1 << 34) == [1 << power for power in range(35)]  # in less time than one by one takes


def test_errors_name_a_repeated_layer_and_its_line():
    spec = parse_spec(GOOD, "m.yaml")
    error = spec.error("layers[3].residual[1].body[2].conv", "does not fit")
    assert str(error) == "m.yaml:15: layers[3].residual[1].body[2].conv: does not fit"


def test_missing_models(tmp_path):
    with pytest.raises(SpecError, match=r"^nothing: no such model file; the zoo holds tbn_alexnet, tbn_cnv, "):
        load_spec("nothing")
    with pytest.raises(SpecError, match="a model file must be a file, not a folder$"):
        load_spec(tmp_path)
    for name, sentence in {
        "m.h5": "a Keras model; export the network as QONNX, which the build reads, or write a model file in YAML",
        "m.TFLITE": "a TensorFlow Lite model; export the network as QONNX, which the build reads, or write a model "
                    "file in YAML",
        "m.ONNX": "an ONNX file, which python -m tbn_hw.build and python -m quantize.qonnx read",
        "m.safetensors": "a file of weights; give the model file that it belongs to, and it as the weights",
        "manifest.json": "a JSON file; a model file is YAML, and a build's manifest.json or report.json is none",
    }.items():
        (tmp_path / name).write_bytes(b"{}\xff")
        with pytest.raises(SpecError) as raised:
            load_spec(tmp_path / name)
        assert str(raised.value) == f"{tmp_path / name}: not a model file: it is {sentence}"
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(SpecError, match="a.yaml: not a model file: not UTF-8 text$"):
        load_spec(tmp_path / "a.yaml")


def test_errors_have_the_path_that_was_asked_for(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.yaml").touch()
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "in" / "a.yaml", "in/a.yaml"):
        with pytest.raises(SpecError, match=f"^{path}:1: the file is empty$"):
            load_spec(path)
    assert load_spec("tbn_digits").error("layers[0].conv", "is").args[0].startswith("tbn_digits.yaml:")
