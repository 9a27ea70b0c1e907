#!/usr/bin/env bash
# `qonnx-convert --output-style quant` widens a Clip to the next power of two: 0..9 becomes 0..15.
#
# The converter fuses QuantizeLinear, Clip and DequantizeLinear into one Quant. A Quant has a bit width and no range, so
# one expects that a Clip which no bit width stands for is left alone or refused. It is fused as well: the bit width is
# that of the number of values, rounded up. Nothing is printed, and values between 9 and 15 pass.
# Seen with qonnx 1.0.0 (transformation/qcdq_to_qonnx.py).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages qonnx==1.0.0 onnx==1.23.2 onnxruntime==1.32.0 onnxscript==0.7.2 numpy==2.4.6

cat > make.py <<'EOF'
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

numbers = {"scale": np.float32(1), "zero": np.uint8(0), "low": np.uint8(0), "high": np.uint8(9)}
nodes = [helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
         helper.make_node("Clip", ["q", "low", "high"], ["c"]),
         helper.make_node("DequantizeLinear", ["c", "scale", "zero"], ["y"])]
x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 6]) for name in "xy")
inner = [helper.make_tensor_value_info(name, TensorProto.UINT8, [1, 6]) for name in "qc"]
graph = helper.make_graph(nodes, "clip", [x], [y], [numpy_helper.from_array(np.asarray(value), name)
                                                    for name, value in numbers.items()], value_info=inner)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
onnx.checker.check_model(model)
onnx.save(model, "clip.onnx")
EOF
cat > execute.py <<'EOF'
import sys

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

model = ModelWrapper(sys.argv[1])
x = np.array([[0, 5, 9, 10, 15, 99]], np.float32)
y = execute_onnx(model, {"x": x})["y"]
print("+".join(node.op_type for node in model.graph.node), *y.ravel().astype(int))
EOF
python3 make.py
logged convert.log qonnx-convert clip.onnx --output-style quant --output-file quant.onnx
expected "both files give 0 5 9 9 9 9 for 0 5 9 10 15 99"
same "before" "QuantizeLinear+Clip+DequantizeLinear 0 5 9 9 9 9" "$(python3 execute.py clip.onnx)"
same "after" "Quant 0 5 9 10 15 15" "$(python3 execute.py quant.onnx)"
same "bytes that the converter printed" 0 "$(wc -c < convert.log)"
