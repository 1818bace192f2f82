#!/usr/bin/env bash
# openvino 2026.4.1 (CPU, f32) with onnx 1.23.2, numpy 2.4.6; Python 3.11.
#
# Believed: OpenVINO's ONNX reader takes an LSTM whole or refuses it; it has an input for the
#   peephole weights (P) and the attribute input_forget, both part of the operator since opset 1.
# Happens:  P and input_forget=1 are read past. The model compiles without a warning and computes
#   the plain LSTM: the peephole weights simply do not count.
#
# Seen:
#   peepholes:      |openvino - asked| = 3.0e-01   |openvino - plain LSTM| = 6.3e-08
#   input_forget=1: |openvino - asked| = 4.8e-01   |openvino - plain LSTM| = 6.3e-08
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m venv "$d/v"
"$d/v/bin/pip" install -q --no-compile openvino==2026.4.1 onnx==1.23.2 numpy==2.4.6
cd "$d"
"$d/v/bin/python" - <<'PY'
import numpy as np, onnx, openvino
from onnx import TensorProto as TP, helper, numpy_helper

T, N, D, H = 4, 2, 3, 2
rng = np.random.default_rng(0)
X = rng.normal(size=(T, N, D)).astype(np.float32)
weights = {"W": rng.normal(size=(1, 4 * H, D)), "R": rng.normal(size=(1, 4 * H, H)),
           "B": rng.normal(size=(1, 8 * H)), "P": rng.normal(size=(1, 3 * H))}
weights = {name: w.astype(np.float32) for name, w in weights.items()}
sigma = lambda z: 1 / (1 + np.exp(-z))

def walk(peep, coupled):
    W, R, B, P = (w[0].astype(float) for w in weights.values())
    P = P if peep else 0 * P
    h, c, Y = np.zeros((N, H)), np.zeros((N, H)), []
    for x in X:
        s = x @ W.T + h @ R.T + B[:4*H] + B[4*H:]
        si, so, sf, sc = (s[:, k*H:(k+1)*H] for k in range(4))
        i = sigma(si + P[:H] * c)
        f = 1 - i if coupled else sigma(sf + P[2*H:] * c)
        c = f * c + i * np.tanh(sc)
        h = sigma(so + P[H:2*H] * c) * np.tanh(c)
        Y.append(h)
    return np.stack(Y)

def engine(peep, coupled):
    inputs = ["X", "W", "R", "B"] + ["", "", "", "P"] * peep
    node = helper.make_node("LSTM", inputs, ["Y"], hidden_size=H, input_forget=int(coupled))
    graph = helper.make_graph([node], "g",
        [helper.make_tensor_value_info("X", TP.FLOAT, X.shape)],
        [helper.make_tensor_value_info("Y", TP.FLOAT, [T, 1, N, H])],
        [numpy_helper.from_array(weights[n], n) for n in inputs[1:] if n])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "m.onnx")
    core = openvino.Core()
    run = core.compile_model(core.read_model("m.onnx"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return run({"X": X})[0][:, 0]

gap = lambda a, b: float(np.abs(a - b).max())
plain, same = walk(False, False), True
for text, what in (("peepholes:", (True, False)), ("input_forget=1:", (False, True))):
    got = engine(*what)
    print(f"{text:15} |openvino - asked| = {gap(got, walk(*what)):.1e}   |openvino - plain LSTM| = {gap(got, plain):.1e}")
    same &= gap(got, walk(*what)) > 0.05 and gap(got, plain) < 1e-5
raise SystemExit(not same)
PY
