#!/usr/bin/env bash
# pytensor 3.0.7 (mode FAST_COMPILE, no C compiler needed), numpy 2.4.6; Python 3.11.
#
# Believed: a gradient that verify_grad accepts is a gradient; at a kink any value between the two
#   one-sided slopes would do, none outside.
# Happens:  pt.max gives EVERY tied element the whole gradient, so that for [1, 1, 1] the slope along
#   (1, 1, 1) comes out as 3 where the maximum has 1: no subgradient. verify_grad takes a ONE-SIDED
#   difference, one element at a time, sees slope 1 for each, and passes it. The same check fails on
#   |x| at 0 with pytensor's slope 0, which is a subgradient.
#
# Seen:
#   max at [1, 1, 1]   gradient [1.0, 1.0, 1.0], verify_grad passes
#   sum |v| at [0, 0]  gradient [0.0, 0.0], verify_grad fails (GradientError)
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m pip install -q --no-compile --target "$d/p" pytensor==3.0.7 numpy==2.4.6
cd "$d"
PYTENSOR_FLAGS="mode=FAST_COMPILE,cxx=,base_compiledir=$d/c" PYTHONPATH="$d/p" python3 -W ignore - <<'PY'
import numpy as np, pytensor, pytensor.tensor as pt
from pytensor.gradient import grad, verify_grad

v = pt.dvector("v")
seen = {}
for name, f, at in (("max at [1, 1, 1]", lambda v: pt.max(v), [1.0, 1.0, 1.0]), ("sum |v| at [0, 0]", lambda v: pt.sum(pt.abs(v)), [0.0, 0.0])):
    at = np.array(at)
    slope = pytensor.function([v], grad(f(v), v))(at).tolist()
    try:
        verify_grad(f, [at], rng=np.random.default_rng(0))
        verdict = "passes"
    except Exception as error:
        verdict = f"fails ({type(error).__name__})"
    seen[name] = slope, verdict.split()[0]
    print(f"{name:18} gradient {slope}, verify_grad {verdict}")
raise SystemExit(list(seen.values()) != [([1.0, 1.0, 1.0], "passes"), ([0.0, 0.0], "fails")])
PY
