#!/usr/bin/env bash
# onnxruntime 1.32.0 (CPU) with onnx 1.23.2, numpy 2.4.6; Python 3.11.
#
# Believed: leaving out activation_alpha and activation_beta of an ONNX RNN means the defaults of the
#   operators of these names, as the specification says: ThresholdedRelu alpha = 1, Affine alpha = 1
#   and beta = 0, ScaledTanh alpha = beta = 1.
# Happens:  onnxruntime knows the defaults of LeakyRelu, Elu and HardSigmoid only. For the other
#   three it takes 0: the Affine (linear) net and the ScaledTanh net put out zeros for every input,
#   ThresholdedRelu becomes Relu. No warning; the same nodes with alpha and beta written are right.
#
# Seen:
#   Affine           left out: max |Y| = 0.00   written: |Y - expected| = 1.4e-07
#   ScaledTanh       left out: max |Y| = 0.00   written: |Y - expected| = 1.2e-07
#   ThresholdedRelu  left out: max |Y| = 1.77   written: |Y - expected| = 1.8e-08   |left out - Relu| = 5.7e-08
#   LeakyRelu        left out: |Y - expected| = 5.4e-08
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m venv "$d/v"
"$d/v/bin/pip" install -q --no-compile onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
"$d/v/bin/python" - <<'PY'
import numpy as np, onnx, onnxruntime
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

def engine(name, **attributes):
    node = helper.make_node("RNN", ["X", "W", "R"], ["Y"], hidden_size=H, activations=[name], **attributes)
    graph = helper.make_graph([node], "g",
        [helper.make_tensor_value_info("X", TP.FLOAT, X.shape)],
        [helper.make_tensor_value_info("Y", TP.FLOAT, [T, 1, N, H])],
        [numpy_helper.from_array(W, "W"), numpy_helper.from_array(R, "R")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"X": X})[0][:, 0]

gap = lambda a, b: float(np.abs(a - b).max())
expected = {"Affine": walk(lambda z: z), "ScaledTanh": walk(np.tanh),
            "ThresholdedRelu": walk(lambda z: np.where(z > 1, z, 0)),
            "LeakyRelu": walk(lambda z: np.where(z > 0, z, 0.01 * z))}
same = True
for name in ("Affine", "ScaledTanh"):
    out, written = engine(name), engine(name, activation_alpha=[1.0], activation_beta=[float(name == "ScaledTanh")])
    print(f"{name:16} left out: max |Y| = {abs(out).max():.2f}   written: |Y - expected| = {gap(written, expected[name]):.1e}")
    same &= abs(out).max() == 0 and gap(written, expected[name]) < 1e-4 and abs(expected[name]).max() > 0.1
name = "ThresholdedRelu"
out, written, relu = engine(name), engine(name, activation_alpha=[1.0]), walk(lambda z: np.maximum(z, 0))
print(f"{name:16} left out: max |Y| = {abs(out).max():.2f}   written: |Y - expected| = {gap(written, expected[name]):.1e}"
      f"   |left out - Relu| = {gap(out, relu):.1e}")
same &= gap(out, relu) < 1e-4 and gap(written, expected[name]) < 1e-4 and gap(out, expected[name]) > 0.1
leaky = gap(engine("LeakyRelu"), expected["LeakyRelu"])
print(f"LeakyRelu        left out: |Y - expected| = {leaky:.1e}")
raise SystemExit(not (same and leaky < 1e-4))
PY
