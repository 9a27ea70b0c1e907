"""Builds, in this process: `python -m tbn_hw.build` does no more than call `main`."""

import io
import os
from contextlib import chdir, redirect_stderr
from typing import NamedTuple
from unittest import mock

from sim.store import STORE
from tbn_hw.build import main


class Done(NamedTuple):
    """The exit code of a build and what it said."""

    returncode: int
    stderr: str


def build(*arguments, cwd=".", shared=True):
    """Run a build in the folder `cwd`; what is `shared` takes simulators and netlists from the store of all tests."""
    said, environment = io.StringIO(), {"COLUMNS": "200"} | ({} if shared else {STORE: ""})
    with redirect_stderr(said), chdir(cwd), mock.patch.dict(os.environ, environment):
        code = main([str(argument) for argument in arguments])
    return Done(code, said.getvalue())
