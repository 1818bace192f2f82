#!/usr/bin/env bash
# jacobi 0.9.2 and numdifftools 0.11.2, numpy 2.4.6; Python 3.11.
#
# Believed: a differentiator that extrapolates and returns an error estimate either converges or
#   returns a large error.
# Happens:  jacobi begins with a step of a quarter of x and stops as soon as its estimates stop getting
#   better. Where the function turns within that step, its answer has the wrong size or sign and its
#   error estimate says it is good. Functions of a recurrence turn like that: six steps of the
#   logistic map, or sin(100 x). numdifftools, as plain as it is, gets all of them right.
#   So compare two libraries, or two step sizes, before the verdict on a gradient.
#
# Seen:
#   sin(100 x) at 1                exact     86.232   jacobi    -0.610 +- 0.120   numdifftools     86.232
#   logistic map, 6 steps, at 0.4  exact     11.916   jacobi    -1.308 +- 1.253   numdifftools     11.916
#   sine unit, 5 steps, at 0.5     exact   -123.366   jacobi    -8.510 +- 0.445   numdifftools   -123.366
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m venv "$d/v"
"$d/v/bin/pip" install -q --no-compile jacobi==0.9.2 numdifftools==0.11.2 numpy==2.4.6
"$d/v/bin/python" -W ignore - <<'PY'
import jacobi, numdifftools, numpy as np

def logistic(x):
    for _ in range(6):
        x = 3.9 * x * (1 - x)
    return x

def slope_of_logistic(x):
    slope = 1.0
    for _ in range(6):
        slope, x = slope * 3.9 * (1 - 2 * x), 3.9 * x * (1 - x)
    return slope

def unit(x):                                     # one sine unit of weight 4, five steps
    h = 0.0
    for t in range(5):
        h = np.sin(4 * h + x)
    return h

def slope_of_unit(x):
    h = slope = 0.0
    for t in range(5):
        z = 4 * h + x
        h, slope = np.sin(z), np.cos(z) * (4 * slope + 1)
    return slope

wrong = right = 0
for name, f, x, exact in (("sin(100 x) at 1", lambda x: np.sin(100 * x), 1.0, 100 * np.cos(100)),
                          ("logistic map, 6 steps, at 0.4", logistic, 0.4, slope_of_logistic(0.4)),
                          ("sine unit, 5 steps, at 0.5", unit, 0.5, slope_of_unit(0.5))):
    got, error = (float(v) for v in jacobi.jacobi(f, x))
    other = float(numdifftools.Derivative(f)(x))
    print(f"{name:30} exact {exact:10.3f}   jacobi {got:9.3f} +- {error:.3f}   numdifftools {other:10.3f}")
    wrong += abs(got - exact) > 5 * error and abs(got - exact) > 0.1 * abs(exact)
    right += abs(other - exact) < 1e-4 * abs(exact)
raise SystemExit(not (wrong == 3 and right == 3))
PY
