"""Damaged files of each kind: refused in one line or read, in 10 seconds and 1.5 GB, without a word of a library."""

import pytest
from support.fuzz import MEGABYTES, fuzz


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["yaml", "network", "checkpoint", "picture"])
def test_damaged_files(kind, tmp_path, capfd):
    if kind == "checkpoint":
        pytest.importorskip("torch")
    found = fuzz(kind, 500, tmp_path)
    print(f"{kind}: {found.refused} of 500 refused, the slowest took {found.slowest:.1f} s, {found.megabytes} MB")
    assert not found.wrong, "\n".join(found.wrong[:20])
    assert found.refused > 100 and found.megabytes < MEGABYTES
    assert capfd.readouterr().err == ""
