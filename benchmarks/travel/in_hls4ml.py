"""hls4ml's prediction for an interpreter that has it: `python in_hls4ml.py MODEL.onnx FRAMES.npz RESULT.json`.

FRAMES.npz holds the graph's inputs `x` (n, c, h, w) and the logits `y` (n, classes) that they must give. The working
folder gets hls4ml's C++ project, which is compiled with g++ for the Vitis back end. The file imports nothing of this
repository.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

PRECISION = "fixed<40,16>"
"""For what the graph does not quantise. Thresholds are scaled by 1 / (hi - lo - 1/2), which is rounded to 24 places."""


def main(file: str, frames: str, result: str) -> None:
    import hls4ml
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
    from qonnx.util.cleanup import cleanup_model

    warnings.simplefilter("ignore")
    with np.load(frames) as arrays:
        x, y = arrays["x"], arrays["y"]
    found: dict[str, Any] = {"failed": "", "compared": 0, "differing": None}
    try:
        model = cleanup_model(ModelWrapper(file))
        model = cleanup_model(model.transform(ConvertToChannelsLastAndClean(make_input_channels_last=True)))
        config = hls4ml.utils.config_from_onnx_model(model, granularity="name", backend="Vitis",
                                                     default_precision=PRECISION)
        compiled = hls4ml.converters.convert_from_onnx_model(model, output_dir="project", io_type="io_parallel",
                                                             backend="Vitis", hls_config=config)
        compiled.compile()
        logits = compiled.predict(np.ascontiguousarray(x.transpose(0, 2, 3, 1))).reshape(y.shape)
        found |= {"compared": len(x), "differing": int((logits != y).any(axis=1).sum())}
    except Exception as error:  # whatever it raises is what the table says of it
        found["failed"] = f"{type(error).__name__}: {error}"
    Path(result).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
