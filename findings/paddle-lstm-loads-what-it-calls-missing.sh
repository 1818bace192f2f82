#!/usr/bin/env bash
# paddlepaddle 3.3.1, numpy 2.4.6; Python 3.11.
#
# Believed: `state_dict()` of `nn.LSTM` has each weight once, and `set_state_dict` returns as missing the keys
#   whose weights were not loaded: an empty list is the sign of success.
# Happens:  each weight has two keys, `weight_ih_l0` and `0.cell.weight_ih`; but the projection of `proj_size` has
#   the second kind alone. Loaded with the first kind of keys, the plain layer reports four keys as missing, though
#   every weight has arrived; the projected one reports five in the same words, and its projection has not.
#
# Seen:
#   plain: keys 4 + 4; by the first kind: missing 4, not loaded none
#   projected: keys 4 + 5; by the first kind: missing 5, not loaded ['0.cell.weight_ho']
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m pip install -q --no-compile --target "$d/p" paddlepaddle==3.3.1 numpy==2.4.6 2>"$d/log" || { tail -5 "$d/log" >&2; exit 1; }
cd "$d"
HOME="$d" PYTHONPATH="$d/p" python3 -W ignore - 2>"$d/log" <<'PY' || { tail -5 "$d/log" >&2; exit 1; }
import numpy as np, paddle

seen = {}
for name, options in [("plain", {}), ("projected", {"proj_size": 2})]:
    paddle.seed(1)
    source, target = (paddle.nn.LSTM(3, 4, **options) for _ in range(2))
    weights = source.state_dict()
    first = {key: value for key, value in weights.items() if not key.startswith("0.")}
    missing, _ = target.set_state_dict(first)
    arrived = target.state_dict()
    lost = [key for key in weights if not np.array_equal(arrived[key].numpy(), weights[key].numpy())]
    seen[name] = (len(first), len(weights) - len(first), len(missing), lost)
    print(f"{name}: keys {len(first)} + {len(weights) - len(first)}; by the first kind: missing {len(missing)}, not loaded {lost or 'none'}")
raise SystemExit(seen != {"plain": (4, 4, 4, []), "projected": (4, 5, 5, ["0.cell.weight_ho"])})
PY
