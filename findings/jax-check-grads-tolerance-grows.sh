#!/usr/bin/env bash
# jax 0.10.2, jaxlib 0.10.2 (CPU, float64), numpy 2.4.6; Python 3.11.
#
# Believed: jax.test_util.check_grads in float64 lets a relative error of 1e-5 through, its default
#   tolerance, whatever the function's size.
# Happens:  the tolerance of an array is multiplied by its NUMBER OF ELEMENTS. A forward-mode rule
#   (jvp) of 100 units may be wrong by 0.1 %, of 10,000 units by 10 %, of 100,000 by a factor of 2.
#   Reverse mode compares one projected number, so it keeps 1e-5: with modes=["fwd"], the only check
#   there is for a function that has no reverse mode, big layers are hardly checked at all.
#   Cure: check jnp.sum(f(x) * random), or give atol and rtol divided by the size.
#
# Seen:
#         1 units: a slope wrong by 1e-05 passes forward, by 1e-05 reverse
#       100 units: a slope wrong by 1e-03 passes forward, by 1e-05 reverse
#    10,000 units: a slope wrong by 1e-01 passes forward, by 1e-05 reverse
#   100,000 units: a slope wrong by 1e+00 passes forward, by 1e-05 reverse
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m venv "$d/v"
"$d/v/bin/pip" install -q --no-compile jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
"$d/v/bin/python" - <<'PY'
import jax, jax.numpy as jnp
from jax.test_util import check_grads

jax.config.update("jax_enable_x64", True)

def tanh_with_wrong_slope(error):
    @jax.custom_jvp
    def f(x):
        return jnp.tanh(x)
    @f.defjvp
    def slope(primals, tangents):
        (x,), (dx,) = primals, tangents
        return f(x), (1 + error) * (1 - jnp.tanh(x) ** 2) * dx
    return f

def largest_error_passed(units, modes):
    passed = 0.0
    for error in (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0):
        try:
            check_grads(tanh_with_wrong_slope(error), (jnp.linspace(-1, 1, units),), order=1, modes=modes)
            passed = error
        except AssertionError:
            pass
    return passed

seen = []
for units in (1, 100, 10_000, 100_000):
    row = [largest_error_passed(units, modes) for modes in (["fwd"], ["rev"])]
    print(f"{units:7,} units: a slope wrong by {row[0]:.0e} passes forward, by {row[1]:.0e} reverse")
    seen.append(row)
raise SystemExit(seen != [[1e-5, 1e-5], [1e-3, 1e-5], [1e-1, 1e-5], [1.0, 1e-5]])
PY
