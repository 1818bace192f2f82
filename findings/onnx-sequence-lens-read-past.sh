#!/usr/bin/env bash
# onnx 1.23.2 (reference evaluator), MNN 3.6.1, opencv-python-headless 5.0.0.93, openvino 2026.4.1,
# onnxruntime 1.32.0, numpy 2.4.6; Python 3.11.
#
# Believed: an engine that loads an ONNX LSTM with `sequence_lens` uses them; onnx's own reference
#   evaluator surely does.
# Happens:  three of five read past the input without a word and walk on through the padding: the
#   reference evaluator, MNN and OpenCV. Y after the end is not 0, and Y_h, Y_c are the states after
#   the padding. A test of an export against the reference evaluator condemns a right export.
#
# Seen:
#   reference   Y_h: |engine - with lengths| = 9.4e-02   |engine - lengths left out| = 5.1e-08
#   mnn         Y_h: |engine - with lengths| = 9.4e-02   |engine - lengths left out| = 1.1e-07
#   opencv      Y_h: |engine - with lengths| = 9.4e-02   |engine - lengths left out| = 5.1e-08
#   openvino    Y_h: |engine - with lengths| = 3.9e-08   |engine - lengths left out| = 9.4e-02
#   onnxruntime Y_h: |engine - with lengths| = 5.6e-08   |engine - lengths left out| = 9.4e-02
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m venv "$d/v"
"$d/v/bin/pip" install -q --no-compile onnx==1.23.2 MNN==3.6.1 opencv-python-headless==5.0.0.93 openvino==2026.4.1 onnxruntime==1.32.0 numpy==2.4.6
cd "$d"
PATH="$d/v/bin:$PATH" "$d/v/bin/python" - <<'PY' | sed -n '/^[a-z]* *Y_h/p'
import subprocess
import cv2, MNN.expr, MNN.nn, numpy as np, onnx, onnx.reference, onnxruntime, openvino
from onnx import TensorProto as TP, helper, numpy_helper

T, N, D, H = 4, 2, 3, 2
LENGTHS = np.array([2, 4], np.int32)
rng = np.random.default_rng(0)
X = rng.normal(size=(T, N, D)).astype(np.float32)
zero = np.zeros((1, N, H), np.float32)
fixed = {"W": rng.normal(size=(1, 4 * H, D)).astype(np.float32), "R": rng.normal(size=(1, 4 * H, H)).astype(np.float32),
         "B": rng.normal(size=(1, 8 * H)).astype(np.float32), "lengths": LENGTHS, "h0": zero, "c0": zero}
sigma = lambda z: 1 / (1 + np.exp(-z))

def final(lengths):
    W, R, B = (fixed[k][0].astype(float) for k in "WRB")
    h, c = np.zeros((N, H)), np.zeros((N, H))
    for t, x in enumerate(X):
        s = x @ W.T + h @ R.T + B[:4*H] + B[4*H:]
        i, o, f = (sigma(s[:, k*H:(k+1)*H]) for k in range(3))
        c2 = f * c + i * np.tanh(s[:, 3*H:])
        valid = (t < lengths)[:, None]
        h, c = np.where(valid, o * np.tanh(c2), h), np.where(valid, c2, c)
    return h

node = helper.make_node("LSTM", ["X", *fixed], ["Y", "Y_h", "Y_c"], hidden_size=H)
graph = helper.make_graph([node], "g",
    [helper.make_tensor_value_info("X", TP.FLOAT, X.shape)],
    [helper.make_tensor_value_info("Y", TP.FLOAT, [T, 1, N, H])] + [helper.make_tensor_value_info(n, TP.FLOAT, [1, N, H]) for n in ("Y_h", "Y_c")],
    [numpy_helper.from_array(v, k) for k, v in fixed.items()])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
onnx.save(model, "m.onnx")

def reference():
    return onnx.reference.ReferenceEvaluator(model).run(None, {"X": X})[1]

def mnn():
    subprocess.run(["mnnconvert", "-f", "ONNX", "--modelFile", "m.onnx", "--MNNModel", "m.mnn", "--bizCode", "x"],
                   check=True, capture_output=True)
    net = MNN.nn.load_module_from_file("m.mnn", ["X"], ["Y_h"])
    x = MNN.expr.placeholder(list(X.shape), MNN.expr.NCHW, MNN.expr.float)
    x.write(X)
    y = net.forward([x])
    y = y[0] if isinstance(y, (list, tuple)) else y
    return np.array(MNN.expr.convert(y, MNN.expr.NCHW).read())

def opencv():
    net = cv2.dnn.readNetFromONNX("m.onnx")
    net.setInput(X, "X")
    return net.forward(["Y", "Y_h", "Y_c"])[1]

def openvino_cpu():
    core = openvino.Core()
    return core.compile_model(core.read_model("m.onnx"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})({"X": X})[1]

def ort():
    return onnxruntime.InferenceSession("m.onnx").run(["Y_h"], {"X": X})[0]

gap = lambda a, b: float(np.abs(a.reshape(N, H) - b).max())
same = True
for name, run, reads in (("reference", reference, False), ("mnn", mnn, False), ("opencv", opencv, False),
                         ("openvino", openvino_cpu, True), ("onnxruntime", ort, True)):
    got = run()
    with_lengths, without = gap(got, final(LENGTHS)), gap(got, final(np.array([T, T])))
    print(f"{name:11} Y_h: |engine - with lengths| = {with_lengths:.1e}   |engine - lengths left out| = {without:.1e}")
    same &= (with_lengths < 1e-4) == reads and (without < 1e-4) == (not reads)
raise SystemExit(not same)
PY
exit "${PIPESTATUS[0]}"
