#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93 (cv2.dnn, default engine) with onnx 1.23.2, numpy 2.4.6; Python 3.11.
#
# Believed: an ONNX LSTM with direction="reverse" that gives the right Y gives the right Y_h too.
# Happens:  Y is right at every step, but Y_h is Y at the LAST place, which a reverse net reaches
#   after ONE step; its final state is at place 0. A sequence classifier built on Y_h sees one step.
#   A reverse GRU is worse: it runs forward, Y and all. Bidirectional nodes of both kinds are right.
#
# Seen:
#   LSTM reverse:       |Y - reverse| = 5.0e-08   |Y - forward| = 4.0e-01   |Y_h - final| = 1.2e-01   |Y_h - reverse after one step| = 1.1e-08
#   LSTM bidirectional: |Y - reverse| = 5.0e-08   |Y_h - final| = 4.9e-08   (second direction)
#   GRU reverse:       |Y - reverse| = 1.3e+00   |Y - forward| = 8.0e-08   |Y_h - final| = 7.7e-01   |Y_h - reverse after one step| = 1.0e+00
#   GRU bidirectional: |Y - reverse| = 1.6e-07   |Y_h - final| = 1.6e-07   (second direction)
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m venv "$d/v"
"$d/v/bin/pip" install -q --no-compile opencv-python-headless==5.0.0.93 onnx==1.23.2 numpy==2.4.6
cd "$d"
"$d/v/bin/python" - <<'PY'
import cv2, numpy as np, onnx
from onnx import TensorProto as TP, helper, numpy_helper

T, N, D, H = 4, 2, 3, 2
rng = np.random.default_rng(0)
sigma = lambda z: 1 / (1 + np.exp(-z))

def walk(op, X, W, R, steps):
    h, c, Y = np.zeros((N, H)), np.zeros((N, H)), np.zeros((T, N, H))
    part = lambda m, k: m[:, k*H:(k+1)*H]
    for t in steps:
        a, r = X[t] @ W.T, h @ R.T
        if op == "LSTM":
            i, o, f = (sigma(part(a + r, k)) for k in (0, 1, 2))
            c = f * c + i * np.tanh(part(a + r, 3))
            h = o * np.tanh(c)
        else:
            z, reset = (sigma(part(a + r, k)) for k in (0, 1))
            h = (1 - z) * np.tanh(part(a, 2) + reset * part(r, 2)) + z * h
        Y[t] = h
    return Y, h

def engine(op, X, W, R, direction):
    extra = {"linear_before_reset": 1} if op == "GRU" else {}
    node = helper.make_node(op, ["X", "W", "R"], ["Y", "Y_h"], hidden_size=H, direction=direction, **extra)
    graph = helper.make_graph([node], "g",
        [helper.make_tensor_value_info("X", TP.FLOAT, X.shape)],
        [helper.make_tensor_value_info("Y", TP.FLOAT, [T, len(W), N, H]), helper.make_tensor_value_info("Y_h", TP.FLOAT, [len(W), N, H])],
        [numpy_helper.from_array(W, "W"), numpy_helper.from_array(R, "R")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "m.onnx")
    net = cv2.dnn.readNetFromONNX("m.onnx")
    net.setInput(X, "X")
    return net.forward(["Y", "Y_h"])

gap = lambda a, b: float(np.abs(a - b).max())
same = True
for op, gates in (("LSTM", 4), ("GRU", 3)):
    X = rng.normal(size=(T, N, D)).astype(np.float32)
    W = rng.normal(size=(2, gates * H, D)).astype(np.float32)
    R = rng.normal(size=(2, gates * H, H)).astype(np.float32)
    reverse, final = walk(op, X, W[1], R[1], reversed(range(T)))
    forward, _ = walk(op, X, W[1], R[1], range(T))
    Y, Y_h = engine(op, X, W[1:], R[1:], "reverse")
    print(f"{op} reverse:       |Y - reverse| = {gap(Y[:, 0], reverse):.1e}   |Y - forward| = {gap(Y[:, 0], forward):.1e}"
          f"   |Y_h - final| = {gap(Y_h[0], final):.1e}   |Y_h - reverse after one step| = {gap(Y_h[0], reverse[-1]):.1e}")
    Y2, Y2_h = engine(op, X, W, R, "bidirectional")
    print(f"{op} bidirectional: |Y - reverse| = {gap(Y2[:, 1], reverse):.1e}   |Y_h - final| = {gap(Y2_h[1], final):.1e}   (second direction)")
    same &= gap(Y2[:, 1], reverse) < 1e-5 and gap(Y2_h[1], final) < 1e-5
    if op == "LSTM":
        same &= gap(Y[:, 0], reverse) < 1e-5 and gap(Y_h[0], final) > 0.05 and gap(Y_h[0], reverse[-1]) < 1e-5
    else:
        same &= gap(Y[:, 0], reverse) > 0.05 and gap(Y[:, 0], forward) < 1e-5
raise SystemExit(not same)
PY
