"""Runs every ONNX file of a folder in onnxruntime and compares its results with those that stand beside it.

    python onnx_runtime.py FOLDER TOLERANCE

The files are checked by `onnx.checker` first, shapes included. See `stablehlo.py` for what stands beside.
"""
import pathlib, sys

try:
    import numpy as np
    import onnx
    import onnxruntime as ort
except ImportError as missing:
    sys.exit(print(f"{missing}: pip install -r rnn/export/tests/engines/requirements.txt") or 3)

from arrays import compare

TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64,
         "tensor(int32)": np.int32, "tensor(uint64)": np.uint64, "tensor(bool)": np.bool_}


def run(path, given):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options)
    inputs = session.get_inputs()
    return session.run(None, {i.name: a.astype(TYPES[i.type]) for i, a in zip(inputs, given, strict=True)})


sys.exit(compare(pathlib.Path(sys.argv[1]), ".onnx", float(sys.argv[2]), run))
