#!/usr/bin/env bash
# jax 0.10.2, jaxlib 0.10.2 (CPU), numpy 2.4.6; Python 3.11.
#
# Believed: float32 goes down to 1.4e-45, so a vanishing gradient can be followed that far.
# Happens:  XLA on the CPU flushes subnormal numbers to 0: a gradient that shrinks by half at each step
#   is 0 from step 127 on in JAX (1.2e-38) and from step 150 on in numpy. An array that HOLDS 1e-40
#   prints as 1e-40, and its logarithm is -inf, so a log plot of gradient norms breaks off early.
#
# Seen:
#   gradient through a unit of weight 1/2 is 0 from step 127 on in jax, 150 in numpy
#   array [9.99999991097579e-38, 9.99994610111476e-41]: log in jax [-85.19564819335938, -inf], in numpy [-85.19564819335938, -92.10340881347656]
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m pip install -q --no-compile --target "$d/p" jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
PYTHONPATH="$d/p" python3 - <<'PY'
import jax, jax.numpy as jnp, numpy as np

def state(h, steps):                             # a linear unit of weight 1/2
    return jax.lax.scan(lambda h, _: (0.5 * h, None), h, None, length=steps)[0]

first = {"jax": None, "numpy": None}
for steps in range(100, 170):
    by_numpy = np.float32(1)
    for _ in range(steps):
        by_numpy = np.float32(0.5) * by_numpy
    for name, value in (("jax", jax.grad(state)(jnp.float32(1), steps)), ("numpy", by_numpy)):
        if float(value) == 0 and first[name] is None:
            first[name] = steps
print(f"gradient through a unit of weight 1/2 is 0 from step {first['jax']} on in jax, {first['numpy']} in numpy")
small = jnp.asarray(np.array([1e-37, 1e-40], np.float32))
log, log_numpy = jnp.log(small), np.log(np.asarray(small))
print(f"array {np.asarray(small).tolist()}: log in jax {log.tolist()}, in numpy {log_numpy.tolist()}")
raise SystemExit(not (first == {"jax": 127, "numpy": 150} and log[1] == -jnp.inf and np.isfinite(log_numpy).all()))
PY
