#!/usr/bin/env bash
# QONNX's `narrow` also narrows unsigned quantisers, at their upper end, and no inferred data type knows of it.
#
# "when signed=1, whether to use narrow range or not" says the operator's source, so one expects narrow=1 to leave an
# unsigned Quant as it is, and a signed one of 2 bits to be TERNARY, a type that qonnx has. Unsigned ones lose their
# highest value: 8 bits end at 254, and 1 bit is always 0. InferDataTypes ignores narrow: the constant is BINARY, the
# ternary tensor is INT2 with a lowest value of -2. Bounds of accumulators that are reckoned from it are too wide.
# Seen with qonnx 1.0.0 (custom_op/general/intquant.py).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages qonnx==1.0.0 onnx==1.23.2 onnxruntime==1.32.0 onnxscript==0.7.2 numpy==2.4.6

cat > narrow.py <<'EOF'
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_datatypes import InferDataTypes

bits, signed = map(int, sys.argv[1:])
numbers = [numpy_helper.from_array(np.float32(value), name) for name, value in (("s", 1), ("z", 0), ("b", bits))]
node = helper.make_node("Quant", ["x", "s", "z", "b"], ["y"], domain="qonnx.custom_op.general", signed=signed,
                        narrow=1, rounding_mode="ROUND")
x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in "xy")
model = ModelWrapper(helper.make_model(helper.make_graph([node], "narrow", [x], [y], numbers), opset_imports=[
    helper.make_opsetid("", 13), helper.make_opsetid("qonnx.custom_op.general", 2)]))
ends = execute_onnx(model, {"x": np.array([[-1000, 1000]], np.float32)})["y"].ravel().astype(int)
kind = model.transform(InferDataTypes()).get_tensor_datatype("y")
print(f"{ends[0]}..{ends[1]}, declared {kind.name} of {kind.min():.0f}..{kind.max():.0f}")
EOF
expected "0..255 and 0..1 for unsigned ones of 8 bits and 1 bit, TERNARY of -1..1 for a signed one of 2"
same "8 bits, unsigned, narrow" "0..254, declared UINT8 of 0..255" "$(python3 narrow.py 8 0)"
same "1 bit, unsigned, narrow" "0..0, declared BINARY of 0..1" "$(python3 narrow.py 1 0)"
same "2 bits, signed, narrow" "-1..1, declared INT2 of -2..1" "$(python3 narrow.py 2 1)"
