#!/usr/bin/env bash
# mlx 0.32.4 (CPU) and safetensors 0.8.0, numpy 2.4.6; Python 3.11, Linux.
#
# Believed: MLX has a float64 type, so mx.load of a safetensors file with one double in it loads it, or
#   narrows it.
# Happens:  it refuses the WHOLE file for the one tensor, floats too. What MLX writes has
#   "__metadata__": null and a header of any length, where other writers leave the key out and pad to
#   8 bytes; the reference reader takes it, a strict one of one's own may not.
#
# Seen:
#   mlx computes in mlx.core.float64
#   mx.load of a float32 and a float64 tensor: RuntimeError: [safetensor] unsupported dtype F64
#   mx.save_safetensors: header of 74 bytes, length mod 8 = 2, __metadata__ null
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m pip install -q --no-compile --target "$d/p" "mlx[cpu]==0.32.4" safetensors==0.8.0 numpy==2.4.6
cd "$d"
PYTHONPATH="$d/p" python3 -W ignore - <<'PY'
import json, struct
import mlx.core as mx, numpy as np
from safetensors.numpy import load_file, save_file

mx.set_default_device(mx.cpu)
print("mlx computes in", mx.tanh(mx.array([0.5], mx.float64)).dtype)
save_file({"w": np.ones(2, np.float32), "count": np.ones(1, np.float64)}, "two.safetensors")
try:
    mx.load("two.safetensors")
    refused = False
except Exception as error:
    refused = "F64" in str(error)
    print(f"mx.load of a float32 and a float64 tensor: {type(error).__name__}: {str(error).strip()}")
mx.save_safetensors("own.safetensors", {"w": mx.ones((2,))})
data = open("own.safetensors", "rb").read()
length = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + length])
print(f"mx.save_safetensors: header of {length} bytes, length mod 8 = {length % 8}, __metadata__ {json.dumps(header.get('__metadata__', 'absent'))}")
same = "__metadata__" in header and header["__metadata__"] is None and length % 8 != 0
raise SystemExit(not (refused and same and (load_file("own.safetensors")["w"] == 1).all()))
PY
