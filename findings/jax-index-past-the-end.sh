#!/usr/bin/env bash
# jax 0.10.2, jaxlib 0.10.2 (CPU), dm-haiku 0.0.17, flax 0.12.8, equinox 0.13.8, numpy 2.4.6; Python 3.11.
#
# Believed: JAX clamps an index past the end, so table[5] of 3 rows reads the last row, and gradients
#   go to that row.
# Happens:  with an array of indices the VALUE is the last row and the GRADIENT goes nowhere: it is
#   dropped, so the last row's gradient is 0. A plain integer index does send it there; jnp.take
#   gives NaN instead. Embedding layers inherit the mixture. For a token id of V, one too many: Haiku
#   looks up the last row and never trains it, Equinox looks it up and trains it, Flax gives NaN.
#
# Seen:
#   x[array([3])]   value  30.0  gradient [0.0, 0.0, 0.0]
#   x[3]            value  30.0  gradient [0.0, 0.0, 1.0]
#   jnp.take(x, 3)  value   nan  gradient [0.0, 0.0, 0.0]
#   haiku.Embed       of 3 rows, id 3: value finite, gradient [0.0, 0.0, 0.0]
#   equinox Embedding of 3 rows, id 3: value finite, gradient [0.0, 0.0, 1.0]
#   flax Embed        of 3 rows, id 3: value NaN, gradient [0.0, 0.0, 0.0]
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m venv "$d/v"
"$d/v/bin/pip" install -q --no-compile jax==0.10.2 jaxlib==0.10.2 dm-haiku==0.0.17 flax==0.12.8 equinox==0.13.8 numpy==2.4.6
"$d/v/bin/python" -W ignore - <<'PY'
import equinox, flax.linen, haiku, jax, jax.numpy as jnp

x, past = jnp.array([10.0, 20.0, 30.0]), jnp.array([3])
rows = {
    "x[array([3])]": lambda x: x[past][0],
    "x[3]": lambda x: x[3],
    "jnp.take(x, 3)": lambda x: jnp.take(x, 3),
}
seen = {}
for name, f in rows.items():
    seen[name] = [float(f(x)), jax.grad(f)(x).tolist()]
    print(f"{name:15} value {seen[name][0]:5}  gradient {seen[name][1]}")

key, tokens = jax.random.key(0), jnp.array([3])
embed = haiku.without_apply_rng(haiku.transform(lambda t: haiku.Embed(3, 1)(t)))
w = embed.init(key, tokens)
layers = {"haiku.Embed": (w, lambda w: embed.apply(w, tokens).sum())}
layers["equinox Embedding"] = (equinox.nn.Embedding(3, 1, key=key), lambda e: jax.vmap(e)(tokens).sum())
linen = flax.linen.Embed(3, 1)
layers["flax Embed"] = (linen.init(key, tokens), lambda w: linen.apply(w, tokens).sum())
for name, (w, f) in layers.items():
    value, gradient = f(w), jax.tree.leaves(jax.grad(f)(w))[0].ravel().tolist()
    seen[name] = [bool(jnp.isfinite(value)), gradient]
    print(f"{name:17} of 3 rows, id 3: value {'finite' if seen[name][0] else 'NaN'}, gradient {gradient}")

none = [0.0, 0.0, 0.0]
ok = (seen["x[array([3])]"] == [30.0, none] and seen["x[3]"] == [30.0, [0.0, 0.0, 1.0]]
      and str(seen["jnp.take(x, 3)"]) == str([float("nan"), none])
      and seen["haiku.Embed"] == [True, none] and seen["equinox Embedding"] == [True, [0.0, 0.0, 1.0]]
      and seen["flax Embed"] == [False, none])
raise SystemExit(not ok)
PY
