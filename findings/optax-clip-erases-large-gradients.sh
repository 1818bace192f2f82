#!/usr/bin/env bash
# optax 0.2.8, jax 0.10.2, jaxlib 0.10.2 (CPU), numpy 2.4.6; Python 3.11.
#
# Believed: clip_by_global_norm is the cure for an exploding gradient: it keeps its direction and
#   makes it of norm 1, however large it was.
# Happens:  the norm is computed from squares in the gradient's own dtype. From a norm of 256 on in
#   float16 (1.8e19 in float32) their sum overflows, the norm is inf, and every gradient is divided by it:
#   the update is exactly 0. Nothing is NaN, so the step is lost without a trace, just when the
#   recurrent net explodes. An element that is inf itself becomes NaN and all others 0.
#
# Seen:
#   float16 gradient [300, -300]: norm inf, clipped to [0.0, 0.0]
#   float32 gradient [1e+18, -1e+18]: norm 1.414e+18, clipped to [0.707, -0.707]
#   float32 gradient [1e+20, -1e+20]: norm inf, clipped to [0.0, 0.0]
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m pip install -q --no-compile --target "$d/p" optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
PYTHONPATH="$d/p" python3 -W ignore - <<'PY'
import jax.numpy as jnp, optax

clip = optax.clip_by_global_norm(1.0)
seen = {}
for dtype, size in ((jnp.float16, 300.0), (jnp.float32, 1e18), (jnp.float32, 1e20)):
    gradient = jnp.array([size, -size], dtype)
    clipped, _ = clip.update(gradient, clip.init(gradient))
    seen[size] = [round(float(v), 3) + 0.0 for v in clipped]
    print(f"{jnp.dtype(dtype).name} gradient [{size:g}, {-size:g}]: norm {float(optax.global_norm(gradient)):.4g}, clipped to {seen[size]}")
unit = [0.707, -0.707]
ok = all(abs(a - b) < 2e-3 for a, b in zip(seen[1e18], unit)) and seen[300.0] == seen[1e20] == [0.0, 0.0]
raise SystemExit(not ok)
PY
