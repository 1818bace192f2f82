#!/usr/bin/env bash
# statsmodels 0.15.0 and numdifftools 0.11.2, numpy 2.4.6, scipy 1.17.1; Python 3.11.
#
# Believed: the complex-step derivative is exact to the last digit and fails loudly on a function that
#   is not analytic.
# Happens:  np.abs, np.linalg.norm and np.hypot of a complex number are real, so the imaginary part,
#   which is the derivative, vanishes: an L1 penalty has slope 0 and a loss with gradient clipping by
#   the norm loses that term, silently. np.maximum and np.clip are right (numpy orders complex
#   numbers by their real part). Finite differences of the same libraries are right in all.
#
# Seen:
#   sum |w|                differences [ 1. -1.]   approx_fprime_cs [0. 0.]   numdifftools complex [0. 0.]
#   sum tanh(w) / norm(w)  differences [0.0021 0.0001]   approx_fprime_cs [0.002  0.0003]   numdifftools complex [0.002  0.0003]
#   sum maximum(w, 0)      differences [1. 0.]   approx_fprime_cs [1. 0.]   numdifftools complex [1. 0.]
#   sum clip(w, -1, 5)     differences [1. 0.]   approx_fprime_cs [1. 0.]   numdifftools complex [1. 0.]
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m venv "$d/v"
"$d/v/bin/pip" install -q --no-compile statsmodels==0.15.0 numdifftools==0.11.2 numpy==2.4.6 scipy==1.17.1
"$d/v/bin/python" -W ignore - <<'PY'
import numdifftools, numpy as np
from statsmodels.tools.numdiff import approx_fprime, approx_fprime_cs

w = np.array([3.0, -4.0])
seen = {}
for name, f in (("sum |w|", lambda w: np.sum(np.abs(w))),
                ("sum tanh(w) / norm(w)", lambda w: np.sum(np.tanh(w)) / np.linalg.norm(w)),
                ("sum maximum(w, 0)", lambda w: np.sum(np.maximum(w, 0))),
                ("sum clip(w, -1, 5)", lambda w: np.sum(np.clip(w, -1, 5)))):
    exact = approx_fprime(w, f, centered=True)
    step = approx_fprime_cs(w, f)
    ndt = numdifftools.Gradient(f, method="complex")(w)
    seen[name] = [bool(np.allclose(g, exact, atol=1e-5)) for g in (step, ndt)]
    print(f"{name:22} differences {np.round(exact, 4)}   approx_fprime_cs {np.round(step, 4)}   numdifftools complex {np.round(ndt, 4)}")
raise SystemExit([v[0] for v in seen.values()] != [False, False, True, True] or [v[1] for v in seen.values()][:2] != [False, False])
PY
