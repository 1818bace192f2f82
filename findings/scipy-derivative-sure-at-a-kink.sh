#!/usr/bin/env bash
# scipy 1.17.1, numpy 2.4.6; Python 3.11.
#
# Believed: scipy.differentiate.derivative, which iterates until its error estimate is small, reports
#   failure where there is no derivative, and finds one where the function is smooth.
# Happens:  at the kink of |x| and of relu it reports success = True with an error estimate of exactly
#   0 (its points lie evenly on both sides and cancel); floor(x) at 0.7 has success and slope 0 too.
#   And sqrt at 0.1, smooth there, fails with NaN: its first step is 0.5, past the end of the domain.
#   `success` so says nothing on whether a recurrent net's loss has a derivative at the point.
#
# Seen:
#   |x| at 0     success True   slope 0.000000  error estimate 0e+00
#   relu at 0    success True   slope 0.500000  error estimate 0e+00
#   sqrt at 0.1  success False  slope nan  error estimate nan
#   tanh at 0.1  success True   slope 0.990066  error estimate 1e-08
#   sqrt at 0.1 with initial_step=0.05: success True, slope 1.581139
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m pip install -q --no-compile --target "$d/p" scipy==1.17.1 numpy==2.4.6
PYTHONPATH="$d/p" python3 -W ignore - <<'PY'
import numpy as np
from scipy.differentiate import derivative

same = True
for name, f, x, success, slope in (("|x| at 0", np.abs, 0.0, True, 0.0), ("relu at 0", lambda x: np.maximum(x, 0), 0.0, True, 0.5),
                                   ("sqrt at 0.1", np.sqrt, 0.1, False, None), ("tanh at 0.1", np.tanh, 0.1, True, 1 - np.tanh(0.1) ** 2)):
    r = derivative(f, x)
    print(f"{name:12} success {bool(r.success)!s:5}  slope {float(r.df):.6f}  error estimate {float(r.error):.0e}")
    same &= bool(r.success) == success and (np.isnan(r.df) if slope is None else abs(r.df - slope) < 1e-6)
    same &= slope is None or name.startswith("tanh") or r.error < 1e-14
r = derivative(np.sqrt, 0.1, initial_step=0.05)
print(f"sqrt at 0.1 with initial_step=0.05: success {bool(r.success)}, slope {float(r.df):.6f}")
raise SystemExit(not (same and r.success))
PY
