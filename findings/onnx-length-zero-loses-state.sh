#!/usr/bin/env bash
# onnxruntime 1.32.0 and openvino 2026.4.1 (CPU, f32) with onnx 1.23.2, numpy 2.4.6; Python 3.11.
#
# Believed: in an ONNX recurrent node a row with sequence_lens 0 takes no step, so its Y_h is its row
#   of initial_h.
# Happens:  both engines that honour sequence_lens put out 0 there and lose the initial state. A
#   stream cut into chunks, in which one sequence has nothing new, forgets that sequence.
#
# Seen:
#   RNN  initial state [0.5 0.5], length 0: Y_h onnxruntime [0. 0.], openvino [0. 0.]
#   GRU  initial state [0.5 0.5], length 0: Y_h onnxruntime [0. 0.], openvino [0. 0.]
#   LSTM initial state [0.5 0.5], length 0: Y_h onnxruntime [0. 0.], openvino [0. 0.]
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m pip install -q --no-compile --target "$d/p" onnxruntime==1.32.0 openvino==2026.4.1 onnx==1.23.2 numpy==2.4.6
cd "$d"
PYTHONPATH="$d/p" python3 - <<'PY'
import numpy as np, onnx, onnxruntime, openvino
from onnx import TensorProto as TP, helper, numpy_helper

T, N, D, H = 3, 2, 3, 2
rng = np.random.default_rng(0)
X = rng.normal(size=(T, N, D)).astype(np.float32)
lengths, start = np.array([0, 3], np.int32), np.full((1, N, H), 0.5, np.float32)
same = True
for op, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4)):
    W = rng.normal(size=(1, gates * H, D)).astype(np.float32)
    R = rng.normal(size=(1, gates * H, H)).astype(np.float32)
    node = helper.make_node(op, ["X", "W", "R", "", "lengths", "start"], ["", "Y_h"], hidden_size=H)
    graph = helper.make_graph([node], "g",
        [helper.make_tensor_value_info("X", TP.FLOAT, X.shape)], [helper.make_tensor_value_info("Y_h", TP.FLOAT, [1, N, H])],
        [numpy_helper.from_array(v, k) for k, v in (("W", W), ("R", R), ("lengths", lengths), ("start", start))])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "m.onnx")
    ort = onnxruntime.InferenceSession("m.onnx").run(None, {"X": X})[0]
    core = openvino.Core()
    vino = core.compile_model(core.read_model("m.onnx"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})({"X": X})[0]
    print(f"{op:4} initial state [0.5 0.5], length 0: Y_h onnxruntime {ort[0, 0]}, openvino {vino[0, 0]}")
    same &= not ort[0, 0].any() and not vino[0, 0].any() and bool(ort[0, 1].any()) and np.allclose(ort, vino, atol=1e-5)
raise SystemExit(not same)
PY
