"""Pictures in folders: read as the build reads a user's own, trained on, and refused with a sentence."""

import numpy as np
import pytest
from PIL import Image

from quantize.data import DataError, load_dataset
from quantize.image_folder import ImageFolder
from quantize.spec import load_spec, parse_spec
from tbn_hw.host.pictures import read_pictures

COLOURS = {"apple": (200, 40, 40), "leaf": (30, 180, 60), "sky": (40, 60, 220)}


@pytest.fixture
def folder(tmp_path):
    """Noisy pictures of three colours in many sizes, JPEG and PNG, some of them grey or turned by their EXIF tag."""
    random = np.random.default_rng(0)
    for kind, count in (("train", 30), ("val", 8)):
        for name, colour in COLOURS.items():
            (tmp_path / "imagenet" / kind / name).mkdir(parents=True)
            for index in range(count):
                height, width = random.integers(20, 60, 2)
                pixels = (np.array(colour) + random.normal(0, 20, (height, width, 3))).clip(0, 255).astype(np.uint8)
                image, exif = Image.fromarray(pixels), Image.Exif()
                exif[0x112] = 6 if index == 3 else 1  # turn to the right
                suffix = "png" if index % 5 == 2 else "JPEG"
                image.save(tmp_path / "imagenet" / kind / name / f"{index}.{suffix}", exif=exif)
    Image.new("L", (30, 40), 99).save(tmp_path / "imagenet" / "val" / "sky" / "grey.png")
    return tmp_path


def test_pictures_are_those_of_the_build(folder):
    data = load_dataset("imagenet", folder, (16, 24, 3), 32)
    assert data.train_images.shape == (90, 32, 32, 3) and data.test_images.shape == (25, 16, 24, 3)
    assert np.bincount(data.test_labels).tolist() == [8, 8, 9]
    assert [file.parent.name for file in data.test_images.files[::8]] == ["apple", "leaf", "sky", "sky"]
    want = read_pictures(data.test_images.files, (16, 24, 3), 32)
    np.testing.assert_array_equal(data.test_images[0:25], want)
    np.testing.assert_array_equal(data.test_images[np.array([7, 2, 7])], want[[7, 2, 7]])
    plain = load_dataset("imagenet", folder / "imagenet", (16, 24, 3))
    want = read_pictures(plain.test_images.files[3:5], (16, 24, 3), None)
    np.testing.assert_array_equal(plain.test_images[3:5], want)
    assert ImageFolder(plain.test_images.files, (16, 16, 1))[0:2].shape == (2, 16, 16, 1)


def test_wrong(folder):
    root = folder / "imagenet"
    (root / "val" / "sky" / "0.JPEG").write_bytes(b"no picture")
    data = load_dataset("imagenet", folder, (16, 16, 3))
    with pytest.raises(DataError, match=r"0\.JPEG must be a picture that Pillow can read$"):
        data.test_images[0:25]
    (root / "train" / "void").mkdir()
    with pytest.raises(DataError, match=r"void: holds no picture$"):
        load_dataset("imagenet", folder)
    Image.new("RGB", (9, 9)).save(root / "train" / "void" / "a.png")
    with pytest.raises(DataError, match=r"train and val must hold the same classes, and only one of them has void$"):
        load_dataset("imagenet", folder)
    (root / "val").rename(root / "test")
    with pytest.raises(DataError, match=r"val: no such folder; pictures lie in train/<class>/ and val/<class>/$"):
        load_dataset("imagenet", folder)
    (root / "val").mkdir()
    with pytest.raises(DataError, match=r"val: holds no folder of a class$"):
        load_dataset("imagenet", folder)


def labelled(root, kind, name, value):
    (root / kind / name).mkdir(parents=True)
    Image.new("L", (4, 4), value).save(root / kind / name / "a.png")


def test_folders_are_the_classes_of_their_names(tmp_path):
    """As text 10 comes before 2; the model file says that it is the last."""
    for kind in ("train", "val"):
        for name in ("1", "2", "10"):
            labelled(tmp_path, kind, name, int(name))
    data = load_dataset("imagenet", tmp_path, (4, 4, 1), None, ("1", "2", "10"))
    assert data.train_images[:][:, 0, 0, 0].tolist() == [1, 10, 2] and data.train_labels.tolist() == [0, 2, 1]
    assert data.test_labels.tolist() == [0, 2, 1] and data.note == ""
    more = load_dataset("imagenet", tmp_path, (4, 4, 1), None, ("0", "1", "2", "3", "10"))
    assert more.train_labels.tolist() == [1, 4, 2] and more.note == ""
    others = load_dataset("imagenet", tmp_path, (4, 4, 1), None, ("one", "two", "ten", "more"))
    assert others.train_labels.tolist() == [0, 1, 2]
    assert others.note == (f"{tmp_path}: no folder is called as a class; sorted by name they are the model file's "
                           "classes: 1 is one, 10 is two, 2 is ten")
    for classes in (("0", "1", "2"), ("1", "2", "ten")):
        with pytest.raises(DataError, match=r": 10 is no class of the model file, and 2 other folders are; call all "):
            load_dataset("imagenet", tmp_path, (4, 4, 1), None, classes)
    labelled(tmp_path, "val", "3", 3)
    with pytest.raises(DataError, match=r": train and val must hold the same classes, and only one of them has 3$"):
        load_dataset("imagenet", tmp_path, (4, 4, 1), None, ("1", "2", "3", "10"))


def test_commands_say_what_folders_are(tmp_path, capsys):
    pytest.importorskip("torch")
    from quantize.train import load_data

    for kind in ("train", "val"):
        for name in ("cat\x1b[2J", "dog"):
            labelled(tmp_path, kind, name, 5)
    text = "name: a\ndataset: imagenet\ninput: {shape: [4, 4, 1]}\nclasses: 2\nlayers: [flatten, {dense: {units: 2, " \
           "weights: int8}}]"
    assert load_data(parse_spec(text), tmp_path).test_labels.tolist() == [0, 1]
    assert capsys.readouterr().err.endswith(r"classes: cat\x1b[2J is 0, dog is 1" + "\n")


def test_a_residual_network_learns_from_a_folder(folder, tmp_path):
    """From files to the integer network, with cuts, flips, and a stop in between."""
    torch = pytest.importorskip("torch")
    from quantize.export import exact, export
    from quantize.train import load_data
    from quantize.trainer import Trainer, evaluate
    from sim.golden import run

    torch.set_num_threads(1)
    spec = parse_spec("""\
name: colours
dataset: imagenet
input: {shape: [32, 32, 3], resize: 36}
classes: 3
layers:
  - conv: {channels: 8, kernel: 7, stride: 4, padding: 3, weights: int8}
  - batch_norm
  - fixed
  - residual:
      channels: 16
      stride: 2
      body: [batch_norm, ternary, {conv: {kernel: 3, padding: 1, weights: binary}}]
  - batch_norm
  - relu
  - int8
  - avg_pool: {kernel: 4}
  - flatten
  - dense: {units: 3, weights: int8}
train: {epochs: 6, batch: 15, learning_rate: 0.01, augment: [flip]}
""")
    data = load_data(spec, folder)
    assert spec.classes == ("0", "1", "2") and data.train_images.shape == (90, 36, 36, 3)
    whole = Trainer(spec, data, tmp_path / "whole")
    assert whole.fit() > 90
    parts = Trainer(spec, data, tmp_path / "parts")
    record = parts._record

    def stopping(*arguments):
        record(*arguments)
        if parts.epoch == 3:
            raise KeyboardInterrupt

    parts._record = stopping
    with pytest.raises(KeyboardInterrupt):
        parts.fit()
    again = Trainer(spec, data, tmp_path / "parts")
    again.fit()
    for mine, other in zip(whole.model.state_dict().values(), again.model.state_dict().values(), strict=True):
        assert torch.equal(mine, other)
    images, network = data.test_images[0:25], export(whole.model.eval())
    with torch.inference_mode():
        want = exact(whole.model)(torch.from_numpy(images)).numpy()
    got = run(network, (images.astype(np.int16) - 128).astype(np.int8))[network.outputs[0]].reshape(25, -1)
    np.testing.assert_array_equal(got, want)
    assert 100 * (got.argmax(1) == data.test_labels).mean() == evaluate(exact(whole.model), images, data.test_labels)


@pytest.mark.parametrize("name, convs, weights", [("tbn_alexnet", 5, 61.0), ("tbn_resnet18", 17, 11.5),
                                                  ("tbn_resnet34", 33, 21.6)])
def test_the_papers_networks(name, convs, weights):
    """Convolutions and million weights."""
    spec = load_spec(name)
    steps = list(spec.flat())
    assert (spec.dataset, spec.input.shape, len(spec.classes)) == ("imagenet", (224, 224, 3), 1000)
    assert sum(step.kind == "conv" for step in steps) == convs
    total = sum(step.layer.kernel**2 * step.input[2] * step.output[2] for step in steps if step.kind == "conv")
    total += sum(step.input[2] * step.output[2] for step in steps if step.kind == "dense")
    assert total / 1e6 == pytest.approx(weights, rel=0.03)
