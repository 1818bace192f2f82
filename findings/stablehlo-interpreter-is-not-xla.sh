#!/usr/bin/env bash
# jax 0.10.2, jaxlib 0.10.2 (CPU: XLA, and the StableHLO reference interpreter it ships), numpy 2.4.6; Python 3.11.
#
# Believed: the reference interpreter of the specification and XLA on the CPU agree up to rounding,
#   so that one may check exports with the other.
# Happens:  a float16 sum or product of 4,096 ones is 2048 in the interpreter, which adds in float16,
#   and 4096 in XLA, which adds in float32. exp(-100) is 3.8e-44 in the interpreter and 0 in XLA, and
#   log(1e-40) is -92.1 and -inf: XLA flushes subnormal numbers, the interpreter does not.
#
# Seen:
#   sum of 4096 ones, float16  XLA 4096         interpreter 2048
#   ones . ones, float16       XLA 4096         interpreter 2048
#   exp(-100), float32         XLA 0            interpreter 3.78351e-44
#   log(1e-40), float32        XLA -inf         interpreter -92.1034
#   tanh(0.5), float32         XLA 0.462117     interpreter 0.462117
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m pip install -q --no-compile --target "$d/p" jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
PYTHONPATH="$d/p" python3 - <<'PY'
import jax, numpy as np
from jax import lax
from jaxlib.mlir import ir
from jaxlib.mlir._mlir_libs import _jax_mlir_ext
from jaxlib.mlir.dialects import stablehlo

def dialects(context):
    registry = ir.DialectRegistry()
    _jax_mlir_ext.register_dialects(registry)
    context.append_dialect_registry(registry)
    stablehlo.register_dialect(context)

def interpreter(f, x):
    text = jax.jit(f).lower(x).as_text("stablehlo")
    with ir.Context() as context:
        dialects(context)
        return float(np.array(stablehlo.eval_module(ir.Module.parse(text), [ir.DenseElementsAttr.get(x)])[0]).ravel()[0])

ones = np.ones(4096, np.float16)
cases = [("sum of 4096 ones, float16", lambda x: lax.reduce(x, np.float16(0), lax.add, (0,)), ones),
         ("ones . ones, float16", lambda x: lax.dot(x, x), ones),
         ("exp(-100), float32", lax.exp, np.array([-100], np.float32)),
         ("log(1e-40), float32", lax.log, np.array([1e-40], np.float32)),
         ("tanh(0.5), float32", lax.tanh, np.array([0.5], np.float32))]
seen = []
for name, f, x in cases:
    xla, ref = float(np.asarray(jax.jit(f)(x)).ravel()[0]), interpreter(f, x)
    print(f"{name:26} XLA {xla:<12.6g} interpreter {ref:.6g}")
    seen.append((xla, ref))
ok = seen[0] == seen[1] == (4096, 2048) and seen[2][0] == 0 < seen[2][1] and seen[3][0] == -np.inf and seen[3][1] > -93
raise SystemExit(not (ok and np.isclose(*seen[4], rtol=1e-6)))
PY
