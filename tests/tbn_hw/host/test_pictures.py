"""The user's pictures: resized and cropped as the model file says."""

import numpy as np
import pytest
from PIL import Image

from quantize.image_folder import ImageFolder
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
    Image.fromarray(pixels.astype(np.float32)).save(tmp_path / "real.tif")
    with pytest.raises(UsageError, match=r"--images: .*real\.tif must have 8 or 16 bits a channel, not 32$"):
        read_pictures([tmp_path / "real.tif"], (8, 8, 1), None)


def test_read_pictures_wrong(tmp_path):
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(UsageError, match=r"--images: .*text\.png must be a picture that Pillow can read"):
        read_pictures([tmp_path / "text.png"], (8, 8, 1), None)
    with pytest.raises(UsageError, match=r"--images: .*none\.png: no such file"):
        read_pictures([tmp_path / "none.png"], (8, 8, 1), None)
    with pytest.raises(UsageError, match="--images: the network reads 2 channels, a picture has 1 or 3"):
        read_pictures([tmp_path / "none.png"], (8, 8, 2), None)
    whole = save(tmp_path / "cut.png", np.random.default_rng(0).integers(0, 256, (64, 64, 3)))
    whole.write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(UsageError, match=r"--images: .*cut\.png cannot be read; "):
        read_pictures([whole], (8, 8, 3), None)


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
