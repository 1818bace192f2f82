#!/usr/bin/env bash
# openmdao 3.45.1 with jax 0.10.2, jaxlib 0.10.2 (CPU), numpy 2.4.6; Python 3.11.
#
# Believed: importing a gradient checker changes nothing in the program that it checks.
# Happens:  where JAX is installed, importing openmdao.api sets jax_enable_x64 for the whole process.
#   A JAX recurrent net written after the import runs in double instead of float32: other results,
#   twice the memory, and check tolerances that follow the dtype tighten from 2e-3 to 1e-5.
#   OpenMDAO names JAX as an optional package; no component that uses JAX is needed for this.
#
# Seen:
#   before the import: float32  [0.5950411558151245, 0.8629122972488403]
#   after the import:  float64  [0.5950411898753782, 0.8629122868336843]
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m pip install -q --no-compile --target "$d/p" openmdao==3.45.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cd "$d"
PYTHONPATH="$d/p" python3 -W ignore - <<'PY'
import jax, jax.numpy as jnp

def final_state():
    w = jnp.array([[0.9, -0.4], [0.4, 0.9]])
    h, _ = jax.lax.scan(lambda h, x: (jnp.tanh(w @ h + x), None), jnp.zeros(2), jnp.array([[1.0, 0.0], [0.0, 1.0]]))
    return h

before = final_state()
import openmdao.api
after = final_state()
print(f"before the import: {before.dtype}  {[float(v) for v in before]}")
print(f"after the import:  {after.dtype}  {[float(v) for v in after]}")
raise SystemExit((str(before.dtype), str(after.dtype)) != ("float32", "float64"))
PY
