"""The zoo: trained values, integer networks and pictures belong together; exact float64 mode equals golden."""

import numpy as np
import pytest
import safetensors.numpy

from quantize.network import Network
from quantize.spec import load_spec
from quantize.zoo import ZOO, Pictures, find_pictures, find_weights, load_pictures, model_names, save_pictures
from sim.golden import run

TRAINED = [name for name in model_names() if find_weights(name)]


def golden(network, pictures):
    images = (pictures.astype(np.int16) - 128).astype(np.int8)
    return run(network, images)[network.outputs[0]].reshape(len(pictures), -1)


@pytest.mark.parametrize("name", TRAINED)
def test_weights_and_pictures_fit_the_model(name):
    spec, network, pictures = load_spec(name), Network.load(find_weights(name)), load_pictures(find_pictures(name))
    assert network.name == name and network.input.shape == spec.input.shape and network.classes == spec.classes
    assert {step.name for step in spec.flat() if step.kind in ("conv", "dense")} <= set(network.by_name)
    assert pictures.images.shape == (100, *spec.input.shape) and pictures.labels.max() < len(spec.classes)
    least = {"tbn_digits": 95, "tbn_lenet": 95, "tbn_fashion": 85, "tbn_resnet": 80, "tbn_cnv": 80}[name]
    assert (golden(network, pictures.images).argmax(1) == pictures.labels).sum() >= least


@pytest.mark.parametrize("name", TRAINED)
def test_exact_equals_golden_on_the_packaged_pictures(name, tmp_path):
    torch = pytest.importorskip("torch")
    from quantize.export import exact, export
    from quantize.trained import load_model
    from quantize.trainer import classify

    model = load_model(load_spec(name), ZOO / f"{name}.trained.safetensors")
    network = export(model)
    network.save(tmp_path / "network.safetensors")
    assert (tmp_path / "network.safetensors").read_bytes() == find_weights(name).read_bytes()
    pictures = load_pictures(find_pictures(name)).images[:30]
    with torch.inference_mode():
        logits = exact(model)(torch.from_numpy(pictures)).numpy()
    np.testing.assert_array_equal(golden(network, pictures), logits)
    known = load_pictures(find_pictures(name))
    assert (classify(model, known.images) == known.float_classes).sum() >= 98  # sums of float32 differ by machine


@pytest.mark.parametrize("name", [
    "tbn_vgg", pytest.param("tbn_resnet18", marks=pytest.mark.slow),
    pytest.param("tbn_alexnet", marks=pytest.mark.slow),
])
def test_exact_equals_golden_before_training(name):
    """Model files without shipped weights: with random weights they have an integer form too, on random pictures."""
    torch = pytest.importorskip("torch")
    from quantize.export import exact, export
    from quantize.model import build_module

    torch.manual_seed(0)
    model = build_module(load_spec(name)).train()
    pictures = np.random.default_rng(0).integers(0, 256, (2, *model.spec.input.shape), dtype=np.uint8)
    with torch.inference_mode():
        model(torch.from_numpy(pictures))
        logits = exact(model.eval())(torch.from_numpy(pictures)).numpy()
    assert len(np.unique(logits)) > 5
    np.testing.assert_array_equal(golden(export(model), pictures), logits)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_exact_equals_golden_on_all_test_pictures(name, data_folder):
    """Every logit of the whole test set; and rounding costs at most half a point against plain float32."""
    torch = pytest.importorskip("torch")
    from quantize.data import load_dataset
    from quantize.export import exact
    from quantize.trained import load_model
    from quantize.trainer import evaluate

    spec, network = load_spec(name), Network.load(find_weights(name))
    data, model = load_dataset(spec.dataset, data_folder), load_model(spec, ZOO / f"{name}.trained.safetensors")
    integers, correct = exact(model), 0
    for start in range(0, len(data.test_images), 50):  # so many at once, so that their float64 values fit into memory
        images, labels = data.test_images[start : start + 50], data.test_labels[start : start + 50]
        with torch.inference_mode():
            logits = integers(torch.from_numpy(images)).numpy()
        want = golden(network, images)
        np.testing.assert_array_equal(want, logits)
        correct += int((want.argmax(1) == labels).sum())
    accuracy = 100 * correct / len(data.test_images)
    real = evaluate(model, data.test_images, data.test_labels)
    print(f"{name}: integer {accuracy:.2f} %, float {real:.2f} %")
    assert abs(accuracy - real) <= 0.5
    least = {"tbn_digits": 97, "tbn_lenet": 99.3, "tbn_fashion": 91, "tbn_resnet": 84, "tbn_cnv": 84.5}
    assert accuracy >= least[name]


def test_pictures_survive_their_file(tmp_path):
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (5, 3, 4, 2), dtype=np.uint8), np.arange(5)
    for classes in (None, np.array([0, 1, 999, 3, 4])):
        save_pictures(tmp_path / "a", Pictures(images, labels, classes))
        again = load_pictures(tmp_path / "a")
        np.testing.assert_array_equal(again.images, images)
        assert again.labels.tolist() == [0, 1, 2, 3, 4] and again.labels.dtype == np.int64
        np.testing.assert_array_equal(again.float_classes, classes)


def test_load_pictures_wrong(tmp_path):
    file = tmp_path / "a"
    with pytest.raises(ValueError, match=r"a: no such file$"):
        load_pictures(file)
    save_pictures(file, Pictures(np.zeros((5, 3, 4, 2), np.uint8), np.arange(5)))
    save_pictures(tmp_path / "b", Pictures(np.zeros((5, 3, 4, 2), np.uint8), np.arange(5), np.arange(4)))
    with pytest.raises(ValueError, match=r"b: float_classes must be an integer for each of the 5 images, not uint8"):
        load_pictures(tmp_path / "b")
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(ValueError, match=r"a: is not a whole safetensors file; "):
        load_pictures(file)
    with pytest.raises(ValueError, match=r"must hold uint8 images \(n, h, w, c\) and n labels$"):
        load_pictures(find_weights("tbn_digits"))


@pytest.mark.parametrize(("images", "labels", "sentence"), [
    (0, np.zeros(0, np.uint8), r"must hold uint8 images \(n, h, w, c\) and n labels$"),
    (2, np.array([1, 99]), "labels must be at least 0 and below the number of classes 10, not 99$"),
    (2, np.array([-1, 1]), "labels must be at least 0 and below the number of classes 10, not -1$"),
    (2, np.array([[1], [2]]), r"labels must be an integer for each of the 2 images, not int64 of shape \(2, 1\)$"),
    (2, np.array([1.0, 2.0]), r"labels must be an integer for each of the 2 images, not float64 of shape \(2,\)$"),
    (2, np.array(1), r"labels must be an integer for each of the 2 images, not int64 of shape \(\)$"),
])
def test_load_pictures_refuses_labels(images, labels, sentence, tmp_path):
    arrays = {"images": np.zeros((images, 3, 4, 2), np.uint8), "labels": labels}
    safetensors.numpy.save_file(arrays, tmp_path / "a")
    with pytest.raises(ValueError, match=f"a: {sentence}"):
        load_pictures(tmp_path / "a", 10)
    if labels.size and labels.max() == 99:
        assert load_pictures(tmp_path / "a").labels.tolist() == [1, 99]


def test_trained_wrong(tmp_path):
    pytest.importorskip("torch")
    from quantize.checkpoint import CheckpointError
    from quantize.trained import load_model

    spec, file = load_spec("tbn_digits"), tmp_path / "a.safetensors"
    with pytest.raises(CheckpointError, match=r"a\.safetensors: no such file$"):
        load_model(spec, file)
    file.write_bytes((ZOO / "tbn_digits.trained.safetensors").read_bytes()[:-9])
    with pytest.raises(CheckpointError, match=r"a\.safetensors: is not a whole safetensors file; "):
        load_model(spec, file)
    with pytest.raises(CheckpointError, match=r"tbn_digits\.safetensors: holds no trained values of tbn_digits$"):
        load_model(spec, find_weights("tbn_digits"))
