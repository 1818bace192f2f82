#!/usr/bin/env bash
# tinygrad 0.14.0 (DEV=PYTHON, its interpreter), numpy 2.4.6; Python 3.11.
#
# Believed: sparse_categorical_crossentropy(ignore_index=..) averages over the rows that count, as
#   PyTorch's and Keras' do.
# Happens:  it divides by ALL rows, so the loss and the gradient of a padded batch shrink with the
#   padding; nll_loss of the same library divides by the rows that count. With label smoothing the
#   ignored rows' smoothing term stays in the loss. A label out of range counts as loss 0.
#
# Seen:
#   by hand: sum / 3 = 1.8908, sum / 4 = 1.4181
#   sparse_categorical_crossentropy 1.4181, nll_loss 1.8908
#   smoothing 0.1: 1.4934; by hand with the smoothing of all rows 1.4934, of the three 1.4098
#   label 7 of 3 classes: loss -0.0
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m pip install -q --no-compile --target "$d/p" tinygrad==0.14.0 numpy==2.4.6
cd "$d"
DEV=PYTHON HOME="$d" PYTHONPATH="$d/p" python3 -W ignore - <<'PY'
import numpy as np
from tinygrad import Tensor

z = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 1.0, 4.0], [5.0, 0.0, 0.0]], np.float32)
y = np.array([0, 2, 1, -1])                      # the last row is to be ignored
logp = z - np.log(np.exp(z).sum(1, keepdims=True))
nll = -logp[np.arange(3), y[:3]]
logits, labels = Tensor(z), Tensor(y)
cross = float(logits.sparse_categorical_crossentropy(labels, ignore_index=-1).item())
other = float(logits.log_softmax().nll_loss(labels, ignore_index=-1).item())
smooth = float(logits.sparse_categorical_crossentropy(labels, ignore_index=-1, label_smoothing=0.1).item())
of_all = (0.9 * nll.sum() - 0.1 * logp.mean(1).sum()) / 4
of_three = (0.9 * nll.sum() - 0.1 * logp[:3].mean(1).sum()) / 4
print(f"by hand: sum / 3 = {nll.sum() / 3:.4f}, sum / 4 = {nll.sum() / 4:.4f}")
print(f"sparse_categorical_crossentropy {cross:.4f}, nll_loss {other:.4f}")
print(f"smoothing 0.1: {smooth:.4f}; by hand with the smoothing of all rows {of_all:.4f}, of the three {of_three:.4f}")
out = float(logits.sparse_categorical_crossentropy(Tensor(np.array([7, 7, 7, 7]))).item())
print(f"label 7 of 3 classes: loss {out}")
raise SystemExit(not (abs(cross - nll.sum() / 4) < 1e-4 and abs(other - nll.sum() / 3) < 1e-4 and abs(smooth - of_all) < 1e-4 and out == 0))
PY
