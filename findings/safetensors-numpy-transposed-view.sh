#!/usr/bin/env bash
# safetensors 0.8.0 (and 0.7.0 for comparison), numpy 2.4.6; Python 3.11.
#
# Believed: safetensors.numpy.save_file(kernel.T) writes the transposed matrix; turning Keras kernels
#   [in, out] into the [out, in] of other frameworks is done just so.
# Happens:  0.8.0 writes the memory of the view as it lies under the transposed shape: the numbers are
#   all there, in the wrong places. The file is valid, shapes fit, nothing warns; the loaded net is
#   simply another net. Versions up to 0.7.0 write it right. Cure: numpy.ascontiguousarray(kernel.T).
#
# Seen:
#   0.7.0: kernel.T read back as [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]: right
#   0.8.0: kernel.T read back as [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]: scrambled
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m venv "$d/v"
cat > "$d/view.py" <<'PY'
import sys, safetensors, numpy as np
from safetensors.numpy import load, save
kernel = np.arange(6, dtype=np.float32).reshape(2, 3)
got = load(save({"w": kernel.T}))["w"]
right, scrambled = bool((got == kernel.T).all()), bool((got == kernel.reshape(3, 2)).all())
print(f"{safetensors.__version__}: kernel.T read back as {got.tolist()}: {'right' if right else 'scrambled' if scrambled else 'other'}")
sys.exit({"0.7.0": right, "0.8.0": scrambled}[safetensors.__version__] is not True)
PY
for version in 0.7.0 0.8.0; do
  "$d/v/bin/pip" install -q --no-compile "safetensors==$version" numpy==2.4.6
  "$d/v/bin/python" "$d/view.py"
done
