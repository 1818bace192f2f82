#!/usr/bin/env bash
# openvino 2026.4.1 (CPU, f32) with onnx 1.23.2, numpy 2.4.6; Python 3.11.
#
# Believed: layout=1 (opset 14: X is [batch, time, feature]) is honoured or refused; onnxruntime's
#   CPU kernels refuse it, onnx's shape inference and checker know it.
# Happens:  OpenVINO reads past it: it walks along the batch axis as if it were time, so that each
#   sequence's state runs on into the next sequence. Swapping the rows of the batch changes results.
#
# Seen:
#   Y_h: [1, 3, 2] where the model says [2, 1, 2]
#   batch of 2, 3 steps: |openvino - batch first| = 1.7e+00   |openvino - time first| = 3.4e-08
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m venv "$d/v"
"$d/v/bin/pip" install -q --no-compile openvino==2026.4.1 onnx==1.23.2 numpy==2.4.6
cd "$d"
"$d/v/bin/python" - <<'PY'
import numpy as np, onnx, openvino
from onnx import TensorProto as TP, helper, numpy_helper

N, T, D, H = 2, 3, 3, 2
rng = np.random.default_rng(0)
X = rng.normal(size=(N, T, D)).astype(np.float32)
W = rng.normal(size=(1, H, D)).astype(np.float32)
R = rng.normal(size=(1, H, H)).astype(np.float32)

def walk(X):
    """States of X [time, batch, feature]."""
    h, Y = np.zeros((X.shape[1], H)), []
    for x in X:
        h = np.tanh(x @ W[0].T + h @ R[0].T)
        Y.append(h)
    return np.stack(Y)

node = helper.make_node("RNN", ["X", "W", "R"], ["Y", "Y_h"], hidden_size=H, layout=1)
graph = helper.make_graph([node], "g",
    [helper.make_tensor_value_info("X", TP.FLOAT, X.shape)],
    [helper.make_tensor_value_info("Y", TP.FLOAT, [N, T, 1, H]), helper.make_tensor_value_info("Y_h", TP.FLOAT, [N, 1, H])],
    [numpy_helper.from_array(W, "W"), numpy_helper.from_array(R, "R")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
onnx.save(model, "m.onnx")
core = openvino.Core()
run = core.compile_model(core.read_model("m.onnx"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
answer = run({"X": X})
Y, last = answer[0], answer[1]

gap = lambda a, b: float(np.abs(a - b).max())
right, wrong = walk(X.transpose(1, 0, 2)).transpose(1, 0, 2), walk(X)
got = Y.reshape(N, T, H)
print(f"Y_h: {list(last.shape)} where the model says [{N}, 1, {H}]")
print(f"batch of {N}, {T} steps: |openvino - batch first| = {gap(got, right):.1e}   |openvino - time first| = {gap(got, wrong):.1e}")
raise SystemExit(not (list(last.shape) == [1, T, H] and gap(got, right) > 0.1 and gap(got, wrong) < 1e-5))
PY
