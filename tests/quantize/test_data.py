"""Data sets: each file form, and each complaint."""

import gzip
import lzma
import re
import tracemalloc

import numpy as np
import pytest

from quantize import data
from quantize.augment import augment, cut
from quantize.data import DataError, load_dataset


def test_digits():
    pytest.importorskip("sklearn")
    digits = load_dataset("digits")
    assert digits.train_images.shape == (1438, 8, 8, 1) and digits.test_images.shape == (359, 8, 8, 1)
    assert digits.train_images.dtype == np.uint8 and digits.train_images.max() == 255
    assert np.bincount(digits.test_labels).min() > 25


@pytest.fixture
def cifar10(tmp_path):
    """A folder with CIFAR-10 files in all three forms; picture i of a file is filled with i in its red plane."""
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    record = np.zeros((10_000, 3073), np.uint8)
    record[:, 0] = np.arange(10_000) % 10
    record[:, 1:1025] = (np.arange(10_000) % 256)[:, None]
    record[:, 1 + 1024 + 5] = 7  # green, row 0, column 5
    raw = record.tobytes()
    packed = {"": raw, ".gz": gzip.compress(raw, 1), ".xz": lzma.compress(raw, preset=0)}
    for name, suffix in zip(names, ["", ".gz", ".xz", "", "", ".xz"], strict=True):
        (tmp_path / (name + suffix)).write_bytes(packed[suffix])
    return tmp_path


def test_cifar10(cifar10):
    loaded = load_dataset("cifar10", cifar10)
    assert loaded.train_images.shape == (50_000, 32, 32, 3) and loaded.test_images.shape == (10_000, 32, 32, 3)
    assert loaded.test_images[300, 3, 4].tolist() == [44, 0, 0]
    assert loaded.test_images[0, 0, 5].tolist() == [0, 7, 0]
    assert loaded.train_labels[12_345] == 5 and loaded.train_labels.dtype == np.int64


def test_cifar10_wrong(cifar10):
    packed = cifar10 / "data_batch_3.bin.xz"
    whole = packed.read_bytes()
    packed.write_bytes(whole[:-100])
    with pytest.raises(DataError, match=r"data_batch_3\.bin\.xz: is damaged or truncated; "):
        load_dataset("cifar10", cifar10)
    packed.write_bytes(lzma.compress(b"short"))
    with pytest.raises(DataError, match=r"data_batch_3\.bin\.xz: must hold 30730000 bytes, not 5$"):
        load_dataset("cifar10", cifar10)
    packed.unlink()
    with pytest.raises(DataError, match=r"data_batch_3\.bin: no such file, nor with \.gz or \.xz$"):
        load_dataset("cifar10", cifar10)


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
def test_no_more_is_unpacked_than_a_set_has(suffix, tmp_path):
    """A file that would hold a terabyte, or 64 MB of zeros, is refused after the bytes that it should have."""
    file = tmp_path / f"a{suffix}"
    if suffix:
        file.write_bytes({".gz": gzip.compress, ".xz": lzma.compress}[suffix](bytes(1 << 26)))
    else:
        with file.open("wb") as opened:
            opened.truncate(1 << 40)
    tracemalloc.start()
    with pytest.raises(DataError, match=f"a{re.escape(suffix)}: must hold 100 bytes, not more$"):
        data._read(tmp_path, "a", 100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 24


def test_idx(tmp_path, monkeypatch):
    folder = tmp_path / "mnist"
    folder.mkdir()
    for kind, count in (("train", 60_000), ("t10k", 10_000)):
        images = np.zeros((count, 784), np.uint8)
        images[:, 29] = 9  # row 1, column 1
        header = b"\x00\x00\x08\x03" + count.to_bytes(4, "big") + bytes([0, 0, 0, 28, 0, 0, 0, 28])
        (folder / f"{kind}-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + images.tobytes(), 1))
        labels = b"\x00\x00\x08\x01" + count.to_bytes(4, "big") + bytes([3]) * count
        (folder / f"{kind}-labels-idx1-ubyte").write_bytes(labels)
    loaded = load_dataset("mnist", tmp_path)  # the subfolder is found
    assert loaded.train_images.shape == (60_000, 28, 28, 1) and loaded.test_images[7, 1, 1] == 9
    assert set(loaded.test_labels) == {3}
    (folder / "t10k-labels-idx1-ubyte").write_bytes(b"\x00\x00\x08\x03" + bytes(10_004))
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte: must begin with 00000801, not 00000803$"):
        load_dataset("mnist", folder)


def test_load_dataset_wrong(tmp_path):
    with pytest.raises(DataError, match=r"^data set must be one of digits, mnist, .*cifar10, imagenet, not 'svhn'$"):
        load_dataset("svhn", tmp_path)
    with pytest.raises(DataError, match=r"^data set mnist needs a folder; give one with --data$"):
        load_dataset("mnist")
    with pytest.raises(DataError, match=r"nowhere: no such folder$"):
        load_dataset("mnist", tmp_path / "nowhere")


@pytest.mark.data
def test_real_files(data_folder):
    fashion = load_dataset("fashion_mnist", data_folder)
    assert np.bincount(fashion.train_labels).tolist() == [6000] * 10
    test = data._read(data_folder / "cifar10", "test_batch.bin", 30_730_000)
    assert np.bincount(test.reshape(-1, 3073)[:, 0]).tolist() == [1000] * 10


def test_augment_moves_and_mirrors():
    random = np.random.default_rng(0)
    images = random.integers(1, 256, (200, 6, 5, 2), dtype=np.uint8)
    before = images.copy()
    flipped = augment(images, ["flip"], random)
    mirrored = (flipped == images[:, :, ::-1]).all((1, 2, 3))
    assert 60 < mirrored.sum() < 140 and (mirrored | (flipped == images).all((1, 2, 3))).all()
    shifted = augment(images, ["shift"], random)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    for image, around in zip(shifted, padded, strict=True):
        assert any((image == around[y : y + 6, x : x + 5]).all() for y in range(3) for x in range(3))
    assert augment(images, ["flip", "crop"], random).shape == images.shape
    np.testing.assert_array_equal(images, before)


def test_cut_takes_a_part_of_each():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (50, 8, 7, 3), dtype=np.uint8)
    places = set()
    for image, part in zip(images, cut(images, (6, 6), random), strict=True):
        (place,) = [(y, x) for y in range(3) for x in range(2) if (image[y : y + 6, x : x + 6] == part).all()]
        places.add(place)
    assert len(places) == 6
    state = random.bit_generator.state
    assert cut(images, (8, 7), random) is images and random.bit_generator.state == state
