"""What holds for all tests: the tools that they may start, the order in which they run, and what they share."""

import os
import re
import runpy
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from sim.store import STORE

GUARD = Path(__file__).with_name("support") / "guard"
ALLOWED = runpy.run_path(str(GUARD / "sitecustomize.py"))["ALLOWED"]
SHARED_SCOPES = ("class", "module", "package")

settings.register_profile("full", max_examples=40, deadline=None)
settings.register_profile("fast", max_examples=10, deadline=None)
settings.load_profile("full")


def pytest_configure(config):
    """The environment of this process, of xdist's workers and of what tests start: one store, and the guard.

    Where tests run on all cores, a computation has one thread. Threads of several tests would wait for each other.
    """
    if hasattr(config, "workerinput"):
        return
    store = tempfile.TemporaryDirectory(prefix="tbn-hw-tests-")
    config.add_cleanup(store.cleanup)
    os.environ[STORE] = store.name
    if config.getoption("numprocesses", None):
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch's; OpenBLAS reads it too
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(GUARD), os.environ.get("PYTHONPATH")]))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests that share a fixture go to one worker, and what takes long comes first, so that nothing long is left last.

    What shares fixtures is as slow as the slowest of its tests.
    """
    groups = {item: _group(item) for item in items}
    for item, group in groups.items():
        if group != item.nodeid:
            item.add_marker(pytest.mark.xdist_group(group))
    slow = {group for item, group in groups.items() if item.get_closest_marker("slow")}
    items.sort(key=lambda item: groups[item] not in slow)


def _group(item):
    """The module of a test that uses fixtures of its module, with their parameters; of another one the test itself."""
    wide = [name for name, found in item._fixtureinfo.name2fixturedefs.items() if found[-1].scope in SHARED_SCOPES]
    if not wide:
        return item.nodeid
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    parts = [item.nodeid.partition("::")[0], *(str(parameters[name]) for name in wide if name in parameters)]
    return re.sub(r"[^\w./]+", "_", "-".join(parts))  # xdist looks for brackets and @ in it


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    """Fixtures count as parts of the first test that uses them."""
    os.environ[ALLOWED] = " ".join(mark.name for mark in item.iter_markers())
    try:
        return (yield)
    finally:
        del os.environ[ALLOWED]
