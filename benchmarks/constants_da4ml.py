"""A constant layer by da4ml, for an interpreter that has it: `python constants_da4ml.py WEIGHTS.npy FOLDER CUTOFF`.

WEIGHTS.npy holds the matrix (outputs, inputs). Inputs are trits of two bits. FOLDER gets two files: `layer.v` with the
top module `da` and all others, and `layer.json` with the pipeline stages, the width of each output, and da4ml's version
and cost estimate. A CUTOFF of 0 makes combinational logic; any other is the delay of a stage in da4ml's own units. The
file imports nothing of this repository, because that interpreter need not have it.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import tempfile
from pathlib import Path

import numpy as np


def main(weights_file: str, folder: str, cutoff: str) -> None:
    from da4ml.codegen import VerilogModel
    from da4ml.trace import FixedVariableArray, comb_trace

    weights = np.load(weights_file)
    inputs = weights.shape[1]
    x = FixedVariableArray.from_lhs(np.full(inputs, -1.0), np.full(inputs, 1.0), np.full(inputs, 1.0))
    solution = comb_trace(x, x @ weights.T.astype(float))
    with tempfile.TemporaryDirectory() as work:
        model = VerilogModel(solution, "da", work, latency_cutoff=float(cutoff) or -1)
        model.write()
        own = [file.read_text() for file in sorted(Path(work, "src").glob("*.v")) if "wrapper" not in file.name]
        used = [file.read_text() for file in sorted(Path(work, "src", "static").glob("*.v"))
                if any(f"{file.stem} #" in text for text in own)]
        text = "\n".join(own + used)
    stages = len(model._pipe.solutions) if model._pipe is not None else 0
    Path(folder, "layer.v").write_text(text)
    Path(folder, "layer.json").write_text(json.dumps({
        "stages": stages, "widths": [int(sum(kif)) for kif in zip(*map(list, solution.out_kifs), strict=True)],
        "cost": float(solution.cost), "version": importlib.metadata.version("da4ml")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
