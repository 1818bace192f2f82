#!/usr/bin/env bash
# keras 3.15.1, tensorflow-cpu 2.21.0, tf2onnx 1.17.0, onnx 1.20.1, numpy 2.4.6; Python 3.11.
#
# Believed: `model.export(format="onnx")` writes each recurrent layer as ONNX' node of that name:
#   LSTM as `LSTM`, GRU as `GRU`, SimpleRNN as `RNN`; quantizers and runtimes find them by it.
# Happens:  only LSTM becomes a node. GRU and SimpleRNN become a general `Loop` with MatMul and Add
#   inside, though ONNX has a node for each and the layers have their default settings.
#
# Seen:
#   LSTM:      nodes ['LSTM'], Loop False
#   GRU:       nodes [], Loop True
#   SimpleRNN: nodes [], Loop True
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m pip install -q --no-compile --target "$d/p" keras==3.15.1 tensorflow-cpu==2.21.0 tf2onnx==1.17.0 onnx==1.20.1 numpy==2.4.6
cd "$d"
KERAS_BACKEND=tensorflow KERAS_HOME="$d" TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES= PYTHONPATH="$d/p" python3 -W ignore - 2>"$d/log" <<'PY' || { tail -5 "$d/log" >&2; exit 1; }
import keras, onnx
from keras import layers

def operators(graph):
    for node in graph.node:
        yield node.op_type
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from operators(attribute.g)

seen = {}
for name in ["LSTM", "GRU", "SimpleRNN"]:
    model = keras.Sequential([keras.Input((5, 3)), getattr(layers, name)(4)])
    model(keras.ops.zeros((1, 5, 3)))
    model.export(f"{name}.onnx", format="onnx", verbose=False)
    found = set(operators(onnx.load(f"{name}.onnx").graph))
    seen[name] = (sorted(found & {"LSTM", "GRU", "RNN"}), "Loop" in found)
    print(f"{name + ':':10} nodes {seen[name][0]}, Loop {seen[name][1]}")
raise SystemExit(seen != {"LSTM": (["LSTM"], False), "GRU": ([], True), "SimpleRNN": ([], True)})
PY
