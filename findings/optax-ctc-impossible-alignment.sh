#!/usr/bin/env bash
# optax 0.2.8, jax 0.10.2, jaxlib 0.10.2 (CPU), numpy 2.4.6; Python 3.11.
#
# Believed: the CTC loss of a label that does not fit into the frames is infinite (or, where a library
#   has a switch for it, 0 with gradient 0): no path exists. "a a" needs 3 frames, not 2.
# Happens:  optax.ctc_loss returns 100000, one finite step of its stand-in for log 0, and a gradient
#   of ordinary size that pulls the net to some path. Nothing is NaN or inf, no guard sees it; the
#   example only lifts the mean of the batch by 1e5 / batch, and is trained on a wrong target.
#
# Seen:
#   3 frames: loss 3.29584, largest gradient 0.667
#   2 frames: loss 100000, largest gradient 0.335
#   by hand: 3 frames have one path, -ln(1/27) = 3.29584; 2 frames have none: inf
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m venv "$d/v"
"$d/v/bin/pip" install -q optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
"$d/v/bin/python" -W ignore - <<'PY'
import jax, jax.numpy as jnp, optax

label = jnp.array([[1, 1]])                      # the same class twice: a blank must stand between
def loss(logits):
    frames = logits.shape[1]
    return optax.ctc_loss(logits, jnp.zeros((1, frames)), label, jnp.zeros((1, 2)))[0]

seen = {}
for frames in (3, 2):
    logits = jnp.zeros((1, frames, 3))
    seen[frames] = float(loss(logits)), float(jnp.abs(jax.grad(loss)(logits)).max())
    print(f"{frames} frames: loss {seen[frames][0]:.6g}, largest gradient {seen[frames][1]:.3f}")
print(f"by hand: 3 frames have one path, -ln(1/27) = {3 * jnp.log(3.0):.6g}; 2 frames have none: inf")
ok = abs(seen[3][0] - 3.295837) < 1e-4 and abs(seen[2][0] - 1e5) < 1 and 0.1 < seen[2][1] < 1
raise SystemExit(not ok)
PY
