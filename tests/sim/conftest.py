"""Lets the tests of this folder import what they share, whatever pytest's import mode."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parent))
