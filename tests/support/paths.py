"""Where things are: the root of the checkout, and the data sets."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TBN_HW_DATA", ROOT.parent / "shared" / "data"))
"""The folder of the data sets, which need not be there."""
