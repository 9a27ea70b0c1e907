"""The user's pictures: resized and cropped as the model file says."""

import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image
from support.paths import ROOT

from quantize.image_folder import ImageFolder
from quantize.picture import DataError
from tbn_hw.host.pictures import read_pictures
from tbn_hw.report.terminal import show_classes
from tbn_hw.shared.errors import UsageError
from tbn_hw.shared.progress import progress, terminal


def save(path, array):
    Image.fromarray(array.astype(np.uint8)).save(path)
    return path


def test_picture_of_the_right_size_is_not_changed(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3))
    found = read_pictures([save(tmp_path / "a.png", pixels)], (32, 32, 3), None)
    np.testing.assert_array_equal(found[0], pixels)


def test_centre_is_cut_out(tmp_path):
    pixels = np.arange(8 * 20).reshape(8, 20)
    found = read_pictures([save(tmp_path / "a.png", pixels)], (8, 8, 1), None)
    np.testing.assert_array_equal(found[0, :, :, 0], pixels[:, 6:14])


def test_resize_before_the_crop(tmp_path):
    """A frame around the middle is cut away when the shorter side is resized to more than the crop."""
    pixels = np.full((64, 64), 255)
    pixels[16:48, 16:48] = 10
    found = read_pictures([save(tmp_path / "a.png", pixels)], (8, 8, 1), 32)
    assert found.max() == 10


def test_grey_pictures_become_red_green_blue(tmp_path):
    found = read_pictures([save(tmp_path / "grey.png", np.full((4, 4), 7))], (4, 4, 3), None)
    assert found.shape == (1, 4, 4, 3) and (found == 7).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "RGB"])
@pytest.mark.parametrize("channels", [1, 3])
def test_transparent_pictures_lie_on_white(mode, channels, tmp_path):
    """A clear half of black, by an alpha channel or by the one value that is transparent, beside a half that stays."""
    pixels = np.zeros((4, 4, 4))
    pixels[:, 2:] = 7, 7, 7, 255
    image = Image.fromarray(pixels.astype(np.uint8))
    clear = {} if mode in ("RGBA", "LA") else {"transparency": (0, 0, 0) if mode == "RGB" else 0}
    if mode == "P":
        image = Image.fromarray(pixels[:, :, 3].astype(np.uint8) // 255)
        image.putpalette([0, 0, 0, 7, 7, 7])
    image.convert(mode).save(tmp_path / "a.png", **clear)
    want = np.full((1, 4, 4, channels), 255)
    want[:, :, 2:] = 7
    np.testing.assert_array_equal(read_pictures([tmp_path / "a.png"], (4, 4, channels), None), want)
    np.testing.assert_array_equal(ImageFolder([tmp_path / "a.png"], (4, 4, channels))[:], want)


def test_half_transparent_pictures_are_half_white(tmp_path):
    found = read_pictures([save(tmp_path / "a.png", np.full((4, 4, 4), 51))], (4, 4, 3), None)
    assert (found == 51 // 5 + 255 * 4 // 5).all()


def test_grey_of_sixteen_bits(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8))
    Image.fromarray((pixels * 257).astype(np.uint16)).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_pictures([tmp_path / "deep.png"], (8, 8, 1), None)[0, :, :, 0], pixels)


def both(file, shape, resize=None):
    """A picture as `--images` and training read it, or the error of both. They must agree."""
    found = []
    for read in (lambda: read_pictures([file], shape, resize), lambda: ImageFolder([file], shape, resize)[:]):
        try:
            found.append(read())
        except (UsageError, DataError) as error:
            found.append(str(error).removeprefix("--images: "))
    if isinstance(found[0], str) or isinstance(found[1], str):
        assert found[0] == found[1]
    else:
        np.testing.assert_array_equal(found[0], found[1])
    return found[1]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"])
@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
@pytest.mark.parametrize("channels", [1, 3])
def test_one_reader(mode, suffix, channels, tmp_path):
    """Training and `--images` take and refuse the same files, and see the same pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (9, 12, 3)).astype(np.uint8)
    image = Image.fromarray(pixels).convert("RGB" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(pixels[:, :, 0] * np.uint16(257))
    file = tmp_path / f"a.{suffix}"
    try:
        image.save(file)
    except (OSError, ValueError, KeyError):
        pytest.skip(f"there is no {suffix} of {mode}")
    found = both(file, (8, 8, channels))
    if suffix == "tif" and mode in ("I", "F"):
        assert found == f"{file} must have 8 or 16 bits a channel, not 32"
    else:
        assert found.shape == (1, 8, 8, channels) and 60 < found.mean() < 190


@pytest.mark.parametrize("resize", [None, 3, 16, 40])
@pytest.mark.parametrize("size", [(30, 30), (16, 90), (90, 16), (3, 5)])
def test_one_scale(resize, size, tmp_path):
    """A picture is never stretched: at least as large as the input needs, as in training."""
    random = np.random.default_rng(0)
    file = save(tmp_path / "a.png", random.integers(0, 256, (*size, 3)))
    assert both(file, (16, 24, 3), resize).shape == (1, 16, 24, 3)
    disc = np.hypot(*np.mgrid[-30:30, -30:30]) < 20
    wide = both(save(tmp_path / "b.png", disc * 255), (16, 24, 1), resize)[0, :, :, 0] > 127
    rows, columns = wide.any(1).sum(), wide.any(0).sum()
    assert abs(int(rows) - int(columns)) <= 1 or rows == 16


def test_read_pictures_wrong(tmp_path):
    (tmp_path / "text.png").write_text("not a picture")
    assert both(tmp_path / "text.png", (8, 8, 1)) == f"{tmp_path}/text.png must be a picture that Pillow can read"
    assert both(tmp_path / "none.png", (8, 8, 1)) == f"{tmp_path}/none.png: no such file"
    assert both(tmp_path / "none.png", (8, 8, 2)) == "the network reads 2 channels, a picture has 1 or 3"
    whole = save(tmp_path / "cut.png", np.random.default_rng(0).integers(0, 256, (64, 64, 3)))
    whole.write_bytes(whole.read_bytes()[:2000])
    assert both(whole, (8, 8, 3)).startswith(f"{whole} cannot be read; ")
    (tmp_path / "a.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    assert both(tmp_path / "a.eps", (8, 8, 3)) == f"{tmp_path}/a.eps must be a picture, not a PostScript program"
    assert both(tmp_path, (8, 8, 3)) == f"{tmp_path} cannot be read; Is a directory"


def png(path, width, height):
    """A PNG that says so many pixels and has none of them."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
                     + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT")))
    return path


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("width", "height"), [(13_000, 13_000), (50_000_001, 1), (7072, 7072), (2**31 - 1, 1)])
def test_large_pictures_are_refused_before_they_are_decoded(width, height, tmp_path):
    file = png(tmp_path / "a.png", width, height)
    assert both(file, (8, 8, 3)).startswith(f"{file} must have at most 50000000 pixels")


@pytest.mark.parametrize(("size", "resize"), [((1, 60_000), None), ((60_000, 1), None), ((2, 3000), 4096)])
def test_extreme_shapes_are_refused_before_they_are_scaled(size, resize, tmp_path):
    file = save(tmp_path / "a.png", np.zeros(size))
    scale = max(resize or 64, 64) // min(size)
    assert both(file, (64, 64, 1), resize) == (
        f"{file} must have at most 50000000 pixels once it is scaled, not {size[1] * scale} x {size[0] * scale} of its "
        f"{size[1]} x {size[0]}")


def test_pillow_says_nothing(tmp_path):
    """Its warnings and its log do not stand between our lines."""
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x09"
    file = tmp_path / "a.jpg"
    Image.new("RGB", (9, 9)).save(file, exif=exif)
    large = png(tmp_path / "large.png", 13_000, 13_000)
    code = ("import sys, warnings; from pathlib import Path; from tbn_hw.host.pictures import read_pictures\n"
            "from PIL import TiffImagePlugin\n"
            "for name in sys.argv[1:]:\n"
            "  try: read_pictures([Path(name)], (8, 8, 3), None)\n"
            "  except Exception as error: print(error)\n"
            "warnings.warn_explicit('Corrupt EXIF data', UserWarning, 'x.py', 1, module='PIL.TiffImagePlugin')\n"
            "TiffImagePlugin.logger.error('More samples per pixel than can be decoded')")
    done = subprocess.run([sys.executable, "-c", code, file, large], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.count("\n") == 1
    assert f"--images: {large} must have at most 50000000 pixels" in done.stdout


def test_names_are_no_markup(capsys, monkeypatch):
    """Files, classes and nodes with brackets in their names are printed as they are called."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "150")
    console = terminal()
    show_classes(["a[/b].png"], ["cat", "[other]"], [[(1, 5), (0, -5)]], console)
    console.print("written to build/[red]")
    with progress("[stage]", console) as step:
        step("[/layers]", 1, 1)
    said = capsys.readouterr().err
    for name in ("a[/b].png", "[other] (5)", "build/[red]", "[stage]", "[/layers]"):
        assert name in said
