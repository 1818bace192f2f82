#!/usr/bin/env bash
# tract 0.23.9 (Python package of the Rust engine) with onnx 1.23.2, numpy 2.4.6; Python 3.11.
#
# Believed: direction="reverse" on an ONNX RNN or GRU reads the sequence from its last step to its
#   first, as a bidirectional node does in its second direction.
# Happens:  tract runs a one-direction node forward whatever `direction` says. The model loads, the
#   shapes are right, no warning is given; only the numbers are those of the other direction. The
#   second direction of a bidirectional node is right, so tests of bidirectional nets do not see it.
#
# Seen:
#   RNN reverse:       |tract - reverse| = 1.8e+00   |tract - forward| = 1.4e-07
#   RNN bidirectional: |tract - reverse| = 1.5e-07   (its second direction)
#   GRU reverse:       |tract - reverse| = 1.2e+00   |tract - forward| = 7.6e-08
#   GRU bidirectional: |tract - reverse| = 1.3e-07   (its second direction)
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m venv "$d/v"
"$d/v/bin/pip" install -q --no-compile tract==0.23.9 onnx==1.23.2 numpy==2.4.6
cd "$d"
"$d/v/bin/python" - <<'PY'
import numpy as np, onnx, tract
from onnx import TensorProto as TP, helper, numpy_helper

T, N, D, H = 4, 2, 3, 2
rng = np.random.default_rng(0)
sigma = lambda z: 1 / (1 + np.exp(-z))

def walk(op, X, W, R, steps):
    """States of one direction, ONNX equations, no bias: [T, N, H]."""
    h, Y = np.zeros((N, H)), np.zeros((T, N, H))
    for t in steps:
        a = X[t] @ W.T
        if op == "RNN":
            h = np.tanh(a + h @ R.T)
        else:
            z, r = (sigma(a[:, k*H:(k+1)*H] + h @ R[k*H:(k+1)*H].T) for k in (0, 1))
            h = (1 - z) * np.tanh(a[:, 2*H:] + (r * h) @ R[2*H:].T) + z * h
        Y[t] = h
    return Y

def engine(op, X, W, R, direction):
    node = helper.make_node(op, ["X", "W", "R"], ["Y"], hidden_size=H, direction=direction)
    graph = helper.make_graph([node], "g",
        [helper.make_tensor_value_info("X", TP.FLOAT, X.shape)],
        [helper.make_tensor_value_info("Y", TP.FLOAT, [T, len(W), N, H])],
        [numpy_helper.from_array(W, "W"), numpy_helper.from_array(R, "R")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "m.onnx")
    return tract.onnx().load("m.onnx").into_model().into_runnable().run([X])[0].to_numpy()

gap = lambda a, b: float(np.abs(a - b).max())
same = True
for op, gates in (("RNN", 1), ("GRU", 3)):
    X = rng.normal(size=(T, N, D)).astype(np.float32)
    W = rng.normal(size=(2, gates * H, D)).astype(np.float32)
    R = rng.normal(size=(2, gates * H, H)).astype(np.float32)
    forward, reverse = (walk(op, X, W[1], R[1], s) for s in (range(T), reversed(range(T))))
    one = engine(op, X, W[1:], R[1:], "reverse")[:, 0]
    two = engine(op, X, W, R, "bidirectional")[:, 1]
    print(f"{op} reverse:       |tract - reverse| = {gap(one, reverse):.1e}   |tract - forward| = {gap(one, forward):.1e}")
    print(f"{op} bidirectional: |tract - reverse| = {gap(two, reverse):.1e}   (its second direction)")
    same &= gap(one, reverse) > 0.1 and gap(one, forward) < 1e-5 and gap(two, reverse) < 1e-5
raise SystemExit(not same)
PY
