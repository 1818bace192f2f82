#!/usr/bin/env bash
# iree-base-compiler 3.13.0 and iree-base-runtime 3.13.0 (llvm-cpu) with onnx 1.23.2, numpy 2.4.6; Python 3.11.
#
# Believed: the ONNX importer refuses an `activations` entry that it does not know; names are compared
#   without regard to case, as the operator's text says ("names ... are case insensitive").
# Happens:  every name but Tanh, Sigmoid and Relu, exactly so spelled, becomes Relu: HardSigmoid gates
#   are not bounded by 1 any more, and even "TANH" and "sigmoid" run as Relu. No error, no warning.
#
# Seen:
#   Tanh         |iree - asked| = 1.1e-07   |iree - Relu| = 9.6e-01
#   Sigmoid      |iree - asked| = 4.0e-08   |iree - Relu| = 9.9e-01
#   TANH         |iree - asked| = 9.6e-01   |iree - Relu| = 1.3e-07
#   sigmoid      |iree - asked| = 9.9e-01   |iree - Relu| = 1.3e-07
#   HardSigmoid  |iree - asked| = 1.0e+00   |iree - Relu| = 1.3e-07
#   Softsign     |iree - asked| = 1.2e+00   |iree - Relu| = 1.3e-07
#   Softplus     |iree - asked| = 7.6e-01   |iree - Relu| = 1.3e-07
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m venv "$d/v"
"$d/v/bin/pip" install -q --no-compile "iree-base-compiler[onnx]==3.13.0" iree-base-runtime==3.13.0 onnx==1.23.2 numpy==2.4.6
cd "$d"
PATH="$d/v/bin:$PATH" "$d/v/bin/python" - <<'PY'
import subprocess
import numpy as np, onnx, iree.runtime
from onnx import TensorProto as TP, helper, numpy_helper

T, N, D, H = 4, 2, 3, 2
rng = np.random.default_rng(0)
X = rng.normal(size=(T, N, D)).astype(np.float32)
W = rng.normal(size=(1, H, D)).astype(np.float32)
R = rng.normal(size=(1, H, H)).astype(np.float32)
sigma = lambda z: 1 / (1 + np.exp(-z))
relu = lambda z: np.maximum(z, 0)

def walk(f):
    h, Y = np.zeros((N, H)), []
    for x in X:
        h = f(x @ W[0].T + h @ R[0].T)
        Y.append(h)
    return np.stack(Y)

def engine(name):
    node = helper.make_node("RNN", ["X", "W", "R"], ["Y"], hidden_size=H, activations=[name])
    graph = helper.make_graph([node], "net",
        [helper.make_tensor_value_info("X", TP.FLOAT, X.shape)],
        [helper.make_tensor_value_info("Y", TP.FLOAT, [T, 1, N, H])],
        [numpy_helper.from_array(W, "W"), numpy_helper.from_array(R, "R")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "net.onnx")
    for command in (["iree-import-onnx", "net.onnx", "-o", "net.mlir"],
                    ["iree-compile", "net.mlir", "--iree-input-type=onnx", "--iree-hal-target-backends=llvm-cpu", "-o", "net.vmfb"]):
        subprocess.run(command, check=True, capture_output=True)
    return iree.runtime.load_vm_flatbuffer_file("net.vmfb", driver="local-task")["net"](X).to_host()[:, 0]

gap = lambda a, b: float(np.abs(a - b).max())
same = True
for name, f, known in (("Tanh", np.tanh, True), ("Sigmoid", sigma, True), ("TANH", np.tanh, False), ("sigmoid", sigma, False),
                       ("HardSigmoid", lambda z: np.clip(0.2 * z + 0.5, 0, 1), False),
                       ("Softsign", lambda z: z / (1 + abs(z)), False), ("Softplus", lambda z: np.log1p(np.exp(z)), False)):
    got = engine(name)
    asked, as_relu = gap(got, walk(f)), gap(got, walk(relu))
    print(f"{name:12} |iree - asked| = {asked:.1e}   |iree - Relu| = {as_relu:.1e}")
    same &= (asked < 1e-4) == known and (as_relu < 1e-4) == (not known)
raise SystemExit(not same)
PY
