"""FINN's steps for an interpreter that has FINN: `python in_finn.py MODEL.onnx FRAMES.npz RESULT.json`.

FRAMES.npz holds the graph's inputs `x` (n, c, h, w) and the logits `y` (n, classes) that they must give. The working
folder gets FINN's files. RESULT.json gets a line of text for each step: its first frame is executed on FINN's Python
models of the hardware layers. The last step's model gets all frames. The file imports nothing of this repository.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

STEPS = ("step_qonnx_to_finn", "step_tidy_up", "step_streamline", "step_convert_to_hw",
         "step_minimize_bit_width_initial", "step_create_dataflow_partition")
PARENT = "dataflow_parent.onnx"


def main(file: str, frames: str, result: str) -> None:
    os.environ["FINN_BUILD_DIR"] = str(Path.cwd())
    import finn.xsi

    finn.xsi.SimEngine = object  # the steps only annotate with it, and without Vivado importing it is an error
    from finn.builder import build_dataflow_steps
    from finn.builder.build_dataflow_config import DataflowBuildConfig
    from qonnx.core.modelwrapper import ModelWrapper

    warnings.simplefilter("ignore")
    config = DataflowBuildConfig(output_dir=str(Path.cwd()), synth_clk_period_ns=10.0, fpga_part="xc7z020clg400-1",
                                 standalone_thresholds=True, generate_outputs=[])
    config.get_intermediate_models_directory().mkdir(parents=True, exist_ok=True)
    with np.load(frames) as arrays:
        x, y = arrays["x"], arrays["y"]
    model, failed, compared = ModelWrapper(file), "", 0
    steps: dict[str, str] = {}
    for step in STEPS:
        try:
            model = getattr(build_dataflow_steps, step)(model, config)
            if step == STEPS[-1]:
                model = ModelWrapper(str(config.get_intermediate_models_directory() / PARENT))
        except Exception as error:  # whatever a step raises is what the table says of it
            failed = f"{step}: {type(error).__name__}: {error}"
            break
        steps[step] = _first_frame(model, x[:1], y[:1])
    if not failed:
        compared = len(x)
    kinds = [node.op_type for node in model.graph.node]
    partitions = kinds.count("StreamingDataflowPartition")
    Path(result).write_text(json.dumps({
        "steps": steps, "failed": failed, "partitions": partitions,
        "outside": [kind for kind in kinds if kind != "StreamingDataflowPartition"] if partitions else [],
        "compared": compared, "differing": differing(model, x, y) if compared else None}))


def _first_frame(model: Any, x: np.ndarray, y: np.ndarray) -> str:
    try:
        return "differs" if differing(model, x, y) else "equal"
    except Exception as error:  # as above
        return f"{type(error).__name__}: {error}"


def differing(model: Any, x: np.ndarray, y: np.ndarray) -> int:
    """How many frames have other logits."""
    from finn.core.onnx_exec import execute_onnx

    source, output = model.graph.input[0].name, model.graph.output[0].name
    found = [execute_onnx(model, {source: frame[None]})[output].ravel() for frame in x]
    return int((np.stack(found) != y).any(axis=1).sum())


if __name__ == "__main__":
    main(*sys.argv[1:])
