"""How tests are spread over processes."""

import pytest


@pytest.fixture(scope="module")
def shared():
    return object()


def test_tests_that_share_a_fixture_are_kept_together(shared, request):
    """pytest-xdist writes the group behind a test's name. Without it, each process makes the fixture once more."""
    if not hasattr(request.config, "workerinput"):
        pytest.skip("not run on several processes")
    assert request.node.nodeid.endswith("@tests/test_groups.py")
