"""The paths of the checkout's root and of the data sets."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TBN_HW_DATA", ROOT.parent / "shared" / "data"))
"""The folder of the data sets. It may be missing."""
