#!/usr/bin/env bash
# FINN rounds to nearest whatever a quantiser's rounding mode says.
#
# A QONNX Quant has a rounding_mode, and qonnx executes it. FINN turns a Quant of an activation into a MultiThreshold,
# and one expects thresholds at whole numbers for FLOOR, or a refusal. The thresholds lie at halves for every mode, and
# nothing is printed.
# Seen with finn-plus 1.6.1 (transformation/qonnx/qonnx_activation_handlers.py).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages qonnx==1.0.0 onnx==1.21.0 onnxruntime==1.25.1 onnxscript==0.7.2 numpy==2.4.6 rich==13.9.4
venv/bin/pip install --quiet --disable-pip-version-check --no-deps finn-plus==1.6.1  # the conversion needs no more

cat > rounding.py <<'EOF'
import sys

import numpy as np
from finn.transformation.qonnx.convert_qonnx_to_finn import ConvertQONNXtoFINN
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

numbers = [numpy_helper.from_array(np.float32(value), name) for name, value in (("s", 1), ("z", 0), ("b", 4))]
node = helper.make_node("Quant", ["x", "s", "z", "b"], ["y"], domain="qonnx.custom_op.general", signed=1, narrow=0,
                        rounding_mode=sys.argv[1])
x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy")
model = ModelWrapper(helper.make_model(helper.make_graph([node], "rounding", [x], [y], numbers), opset_imports=[
    helper.make_opsetid("", 13), helper.make_opsetid("qonnx.custom_op.general", 1)]))
if sys.argv[2] == "finn":
    model = model.transform(ConvertQONNXtoFINN())
frame = {"x": np.array([[-1.25, 0.25, 0.75, 2.75]], np.float32)}
print(*execute_onnx(model, frame)[model.graph.output[0].name].ravel().astype(int))
EOF
expected "-2 0 0 2 for FLOOR of -1.25, 0.25, 0.75, 2.75, before and after the conversion"
same "FLOOR in QONNX" "-2 0 0 2" "$(python3 -W ignore rounding.py FLOOR qonnx)"
same "FLOOR in FINN" "-1 0 1 3" "$(python3 -W ignore rounding.py FLOOR finn)"
same "ROUND in FINN" "-1 0 1 3" "$(python3 -W ignore rounding.py ROUND finn)"
