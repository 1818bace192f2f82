#!/usr/bin/env bash
# jax 0.10.2, jaxlib 0.10.2 (CPU), numpy 2.4.6; Python 3.11.
#
# Believed: in bfloat16 the gradient of a weight that every step shares is rough, some 1 % off.
# Happens:  through lax.scan it stops growing. Backpropagation adds the steps' contributions one by
#   one in bfloat16, and 256 + 1 = 256 there: over 4,000 equal steps the gradient is 256, 16 times
#   too small, with no inf or NaN. The same sum without a scan is right (XLA adds it in float32).
#   A weight kept in float32 and cast INSIDE the step is right; cast before the scan it is not.
#
# Seen:
#    200 steps of slope 1: scan 200, without scan 200; float32 weight cast before the scan 200, inside 200
#   1000 steps of slope 1: scan 256, without scan 1000; float32 weight cast before the scan 256, inside 1000
#   4000 steps of slope 1: scan 256, without scan 4000; float32 weight cast before the scan 256, inside 4000
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m pip install -q --no-compile --target "$d/p" jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
PYTHONPATH="$d/p" python3 - <<'PY'
import jax, jax.numpy as jnp

half = jnp.bfloat16
def through_scan(w, x):
    return jax.lax.scan(lambda h, x: (h, w * x), half(0), x)[1].sum()
def at_once(w, x):
    return (w * x).sum()
def cast_before(w, x):
    return through_scan(w.astype(half), x).astype(jnp.float32)
def cast_inside(w, x):
    return jax.lax.scan(lambda h, x: (h, w.astype(half) * x), half(0), x)[1].sum().astype(jnp.float32)

seen = {}
for steps in (200, 1000, 4000):
    x = jnp.ones(steps, half)
    row = [float(jax.grad(f)(w, x)) for f, w in ((through_scan, half(0.5)), (at_once, half(0.5)),
           (cast_before, jnp.float32(0.5)), (cast_inside, jnp.float32(0.5)))]
    seen[steps] = row
    print(f"{steps:4} steps of slope 1: scan {row[0]:.0f}, without scan {row[1]:.0f}; float32 weight cast before the scan {row[2]:.0f}, inside {row[3]:.0f}")
ok = all(r[1] == r[3] == s or abs(r[1] - s) < 0.01 * s and abs(r[3] - s) < 0.01 * s for s, r in seen.items())
raise SystemExit(not (ok and seen[4000][0] == seen[4000][2] == 256))
PY
