#!/usr/bin/env bash
# tract 0.23.9 (Python package of the Rust engine) with onnx 1.23.2, numpy 2.4.6; Python 3.11.
#
# Believed: an engine that does not know an attribute of an ONNX node refuses the node.
# Happens:  tract reads neither `activations` nor `clip` of RNN, GRU and LSTM. nn.RNN(nonlinearity=
#   "relu") arrives as an RNN node with activations=["Relu"] and runs as a tanh net, without a word.
#
# Seen:
#   activations=['Relu']     |tract - asked| = 9.6e-01   |tract - plain tanh| = 1.0e-07
#   activations=['Softsign'] |tract - asked| = 3.6e-01   |tract - plain tanh| = 1.0e-07
#   clip=0.5                 |tract - asked| = 5.1e-01   |tract - plain tanh| = 1.0e-07
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
X = rng.normal(size=(T, N, D)).astype(np.float32)
W = rng.normal(size=(1, H, D)).astype(np.float32)
R = rng.normal(size=(1, H, H)).astype(np.float32)

def walk(f):
    h, Y = np.zeros((N, H)), []
    for x in X:
        h = f(x @ W[0].T + h @ R[0].T)
        Y.append(h)
    return np.stack(Y)

def engine(**attributes):
    node = helper.make_node("RNN", ["X", "W", "R"], ["Y"], hidden_size=H, **attributes)
    graph = helper.make_graph([node], "g",
        [helper.make_tensor_value_info("X", TP.FLOAT, X.shape)],
        [helper.make_tensor_value_info("Y", TP.FLOAT, [T, 1, N, H])],
        [numpy_helper.from_array(W, "W"), numpy_helper.from_array(R, "R")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "m.onnx")
    return tract.onnx().load("m.onnx").into_model().into_runnable().run([X])[0].to_numpy()[:, 0]

gap = lambda a, b: float(np.abs(a - b).max())
plain, same = walk(np.tanh), True
for text, f, attributes in (
    ("activations=['Relu']", lambda z: np.maximum(z, 0), dict(activations=["Relu"])),
    ("activations=['Softsign']", lambda z: z / (1 + abs(z)), dict(activations=["Softsign"])),
    ("clip=0.5", lambda z: np.tanh(np.clip(z, -0.5, 0.5)), dict(clip=0.5)),
):
    got = engine(**attributes)
    print(f"{text:24} |tract - asked| = {gap(got, walk(f)):.1e}   |tract - plain tanh| = {gap(got, plain):.1e}")
    same &= gap(got, walk(f)) > 0.1 and gap(got, plain) < 1e-5
raise SystemExit(not same)
PY
