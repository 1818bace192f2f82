#!/usr/bin/env bash
# jaxlib 0.10.2 (its StableHLO parser), numpy 2.4.6; Python 3.11.
#
# Believed: a program that writes StableHLO text may print its constants as its language prints floats.
# Happens:  1e-05, the shortest form of Python, C++, Rust and JavaScript, is a syntax error: MLIR
#   wants a dot before the exponent. inf and nan are no words of it, and 1 is no float: infinity is
#   written as the bit pattern, in hexadecimal and of exactly the type's width: float32's pattern of
#   infinity is taken for f64 too, and is 1e-314 there.
#
# Seen:
#   dense<1e-05> : tensor<f32>  refused
#   dense<1.0e-05> : tensor<f32>  9.999999747378752e-06
#   dense<1> : tensor<f32>  refused
#   dense<1.0> : tensor<f32>  1.0
#   dense<-0.0> : tensor<f32>  -0.0
#   dense<inf> : tensor<f32>  refused
#   dense<nan> : tensor<f32>  refused
#   dense<0x7F800000> : tensor<f32>  inf
#   dense<0x7FF0000000000000> : tensor<f64>  inf
#   dense<0x7F800000> : tensor<f64>  1.0568533725e-314
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m pip install -q --no-compile --target "$d/p" jaxlib==0.10.2 numpy==2.4.6
PYTHONPATH="$d/p" python3 - 2>/dev/null <<'PY'
import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir._mlir_libs import _jax_mlir_ext
from jaxlib.mlir.dialects import stablehlo

def dialects(context):
    registry = ir.DialectRegistry()
    _jax_mlir_ext.register_dialects(registry)
    context.append_dialect_registry(registry)
    stablehlo.register_dialect(context)

def read(literal, kind):
    with ir.Context() as context:
        dialects(context)
        text = f"func.func @main() -> tensor<{kind}> {{ %0 = stablehlo.constant dense<{literal}> : tensor<{kind}> return %0 : tensor<{kind}> }}"
        try:
            module = ir.Module.parse(text)
        except Exception:
            return "refused"
        return float(np.array(stablehlo.eval_module(module, [])[0]))

cases = [("1e-05", "f32", "refused"), ("1.0e-05", "f32", 1e-5), ("1", "f32", "refused"), ("1.0", "f32", 1.0), ("-0.0", "f32", -0.0),
         ("inf", "f32", "refused"), ("nan", "f32", "refused"), ("0x7F800000", "f32", np.inf), ("0x7FF0000000000000", "f64", np.inf),
         ("0x7F800000", "f64", None)]
same = True
for literal, kind, expected in cases:
    got = read(literal, kind)
    print(f"dense<{literal}> : tensor<{kind}>  {got}")
    same &= got != np.inf if expected is None else got == expected or expected != "refused" and got != "refused" and np.isclose(got, expected, rtol=1e-6)
raise SystemExit(not same)
PY
