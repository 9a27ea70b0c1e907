# amaranth: UnusedElaboratable=no

import pytest
from amaranth.hdl import Module, signed

from hdl.stream import TRIT, Elements, Signature, connect


def test_elements():
    assert Elements(TRIT, 8).size == 16
    assert Elements(TRIT, 8) == Elements(signed(2), 8)


def test_elements_wrong():
    with pytest.raises(ValueError, match="^Parallelism must be a positive integer, not 0$"):
        Elements(TRIT, 0)
    with pytest.raises(TypeError, match="^Parallelism must be a positive integer, not True$"):
        Elements(TRIT, True)


def test_connect_wrong():
    source, sink = Signature(signed(2), 8).create(), Signature(signed(4), 4).create()
    with pytest.raises(ValueError) as error:
        connect(Module(), source, sink)
    assert str(error.value) == (
        "Payload shapes of connected streams must be equal, not ArrayLayout(signed(2), 8) and ArrayLayout(signed(4), 4)"
    )
