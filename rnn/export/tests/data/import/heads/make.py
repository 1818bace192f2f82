#!/usr/bin/env python3
"""Nets with a head, of several frameworks, with random weights: recurrent layers and a linear layer after them, as ONNX or
as safetensors in each one's own names; and beside each what it computes.

    python make.py              needs torch with onnx and onnxscript, flax, dm-haiku, equinox, keras (with KERAS_BACKEND=jax),
                                mlx or paddlepaddle: makes the files of those it finds
    KERAS_BACKEND=tensorflow python make.py converted
                                by Keras' converter: needs keras, tensorflow and tf2onnx

Made with torch 2.15.0, onnx 1.23.2, onnxscript 0.7.2; the others as in `../make.py`. In a `.json`, `x` is [time, batch,
feature], and `out` is [time, batch, output] or [batch, output]; `reads` and `function` say what the head is.
"""
import json, os, pathlib, sys
import numpy as np

os.environ.setdefault("KERAS_BACKEND", "jax")
HERE = pathlib.Path(__file__).parent
T, B, D, H, O = 5, 2, 3, 4, 3
rng = np.random.default_rng(2)
draw = lambda *shape: rng.normal(size=shape).astype(np.float32)
x = draw(T, B, D)


def without_places(path):
    """The exporter writes into each node where the net was made; that is left out of the file."""
    import onnx
    model = onnx.load(path)
    for node in [n for graph in (model.graph, *model.functions) for n in graph.node]:
        del node.metadata_props[:]
    onnx.save(model, path)


def save(name, weights, out, reads, function="identity", head="", **more):
    """safetensors by hand: NumPy's writer of 0.8 stores transposed arrays in the order of memory."""
    header, data = {}, b""
    for key, a in weights.items():
        a = np.array(a, np.float32, order="C")
        header[key] = {"dtype": "F32", "shape": a.shape, "data_offsets": [len(data), len(data) + a.nbytes]}
        data += a.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    if weights:
        (HERE / f"{name}.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    flat = lambda a: [float(z) for z in np.asarray(a).ravel()]
    values = {"x": flat(x), "out": flat(out), "outputs": O, "reads": reads, "function": function, "head": head} | more
    (HERE / f"{name}.json").write_text(json.dumps(values) + "\n")


def torch():
    import torch as th, warnings
    warnings.filterwarnings("ignore")

    class Net(th.nn.Module):
        def __init__(self, kind, read, function=None, bias=True, **many):
            super().__init__()
            self.rnn = kind(D, H, **many)
            self.fc = th.nn.Linear(H * (2 if many.get("bidirectional") else 1), O, bias=bias)
            self.read, self.function = read, function

        def forward(self, x):
            y, state = self.rnn(x)
            out = self.read(self, y, state[0] if isinstance(state, tuple) else state)
            return out if self.function is None else self.function(out)

    first = {"batch_first": True}
    both = {"num_layers": 2, "bidirectional": True}
    L, G, R = th.nn.LSTM, th.nn.GRU, th.nn.RNN
    softmax, log_softmax = lambda z: th.softmax(z, -1), lambda z: th.log_softmax(z, -1)
    nets = {
        "last-step": (Net(L, lambda n, y, h: n.fc(y[:, -1]), softmax, **first), "last", "softmax"),
        "last-slice": (Net(L, lambda n, y, h: n.fc(y[:, -1, :].unsqueeze(1)).squeeze(1), **first), "last", "identity"),
        "after-head": (Net(G, lambda n, y, h: n.fc(y)[:, -1], **first), "last", "identity"),
        "state": (Net(G, lambda n, y, h: n.fc(h[-1]), log_softmax, num_layers=2), "last", "log_softmax"),
        "squeezed": (Net(L, lambda n, y, h: n.fc(h.squeeze(0)), th.sigmoid), "last", "sigmoid"),
        "both": (Net(L, lambda n, y, h: n.fc(th.cat([h[-2], h[-1]], 1)), **both), "last", "identity"),
        "each": (Net(G, lambda n, y, h: n.fc(y), softmax), "each", "softmax"),
        "each-both": (Net(L, lambda n, y, h: n.fc(th.nn.functional.dropout(y, 0.5, n.training)), **both), "each", "identity"),
        "each-first": (Net(L, lambda n, y, h: n.fc(y), bias=False, **first), "each", "identity"),
        "mean": (Net(R, lambda n, y, h: n.fc(y.mean(1)), th.sigmoid, **first), "mean", "sigmoid"),
        "mean-kept": (Net(L, lambda n, y, h: n.fc(y.mean(0, keepdim=True))[0]), "mean", "identity"),
    }
    for name, (net, reads, function) in nets.items():
        net = net.eval()
        with th.no_grad():
            for w in net.parameters():
                w.copy_(th.tensor(draw(*w.shape)))
        is_first = net.rnn.batch_first
        at = th.tensor(x.swapaxes(0, 1).copy() if is_first else x)
        out = net(at).detach().numpy()
        out = out.swapaxes(0, 1) if is_first and reads == "each" else out
        for word, how in [("new", {"dynamo": True}), ("old", {"dynamo": False, "opset_version": 17}), ("older", {"dynamo": False, "opset_version": 11})]:
            if word == "new" and isinstance(net.rnn, R):
                continue
            try:
                th.onnx.export(net, (at,), HERE / f"torch-{name}-{word}.onnx", verbose=False, external_data=False, **how)
                without_places(HERE / f"torch-{name}-{word}.onnx")
            except Exception as why:
                print("not exported:", name, word, str(why)[:90])
                continue
            save(f"torch-{name}-{word}", {}, out, reads, function)
        if name in ("last-step", "each-both"):
            arrays = {k: w.detach().numpy() for k, w in net.state_dict().items()}
            net.function = None
            plain = net(at).detach().numpy()
            plain = plain.swapaxes(0, 1) if is_first and reads == "each" else plain
            save(f"torch-{name}", arrays, plain, reads, head="fc")


def flax():
    import jax
    from flax import linen, traverse_util

    class Net(linen.Module):
        @linen.compact
        def __call__(self, x):
            return linen.Dense(O)(linen.RNN(linen.GRUCell(H), time_major=True)(x))

    net = Net()
    tree = jax.tree.map(lambda a: draw(*a.shape), net.init(jax.random.key(0), x))
    flat = {"/".join(k): a for k, a in traverse_util.flatten_dict(tree).items()}
    save("flax-gru", flat, net.apply(tree, x), "each", head="params/Dense_0")


def haiku():
    import jax, haiku as hk
    for name, cell in [("lstm", hk.LSTM), ("gru", hk.GRU)]:
        def run(x):
            core = cell(H)
            return hk.Linear(O)(hk.dynamic_unroll(core, x, core.initial_state(B))[0][-1])
        net = hk.without_apply_rng(hk.transform(run))
        tree = jax.tree.map(lambda a: draw(*a.shape), net.init(jax.random.key(0), x))
        flat = {f"{module}/{k}": a for module, part in tree.items() for k, a in part.items()}
        save(f"haiku-{name}", flat, net.apply(tree, x), "last", head="linear")


def equinox():
    import jax, jax.numpy as jnp, equinox as eqx
    cell, fc = eqx.nn.GRUCell(D, H, key=jax.random.key(0)), eqx.nn.Linear(H, O, key=jax.random.key(1))
    names = ["weight_ih", "weight_hh", "bias", "bias_n"]
    own = {f"cell.{k}": draw(*getattr(cell, k).shape) for k in names} | {f"fc.{k}": draw(*getattr(fc, k).shape) for k in ["weight", "bias"]}
    cell = eqx.tree_at(lambda n: [getattr(n, k) for k in names], cell, [jnp.asarray(own[f"cell.{k}"]) for k in names])
    fc = eqx.tree_at(lambda n: [n.weight, n.bias], fc, [jnp.asarray(own["fc.weight"]), jnp.asarray(own["fc.bias"])])
    h = jnp.zeros((B, H))
    for step in jnp.asarray(x):
        h = jax.vmap(cell)(step, h)
    save("equinox-gru", own, jax.vmap(fc)(h), "last", head="fc")


def keras():
    import jax, keras as k
    k.utils.clear_session()
    net = k.Sequential([k.Input((T, D)), k.layers.LSTM(H), k.layers.Dense(O)])
    net.set_weights([draw(*w.shape) for w in net.get_weights()])
    flat = {w.path: np.asarray(w) for w in net.weights}
    save("keras-lstm", flat, net(x.swapaxes(0, 1)), "last", head=next(n for n in flat if n.endswith("dense/kernel"))[: -len("/kernel")])


def mlx():
    import mlx.core as mx, mlx.nn as nn
    from mlx.utils import tree_flatten
    rnn, fc = nn.GRU(D, H), nn.Linear(H, O)
    for part in (rnn, fc):
        part.update({k: mx.array(draw(*a.shape)) for k, a in tree_flatten(part.parameters())})
    out = mx.swapaxes(fc(rnn(mx.swapaxes(mx.array(x), 0, 1))), 0, 1)
    own = {f"{name}.{k}": np.array(a) for name, part in [("rnn", rnn), ("fc", fc)] for k, a in tree_flatten(part.parameters())}
    save("mlx-gru", own, np.array(out), "each", head="fc")


def paddle():
    """Paddle's linear layer has its matrix the other way round than PyTorch's."""
    import paddle as p
    net = p.nn.LayerDict({"rnn": p.nn.LSTM(D, H, time_major=True), "fc": p.nn.Linear(H, O)})
    for w in net.parameters():
        w.set_value(draw(*w.shape))
    out = net["fc"](net["rnn"](p.to_tensor(x))[0])
    save("paddle-lstm", {k: w.numpy() for k, w in net.state_dict().items()}, out.numpy(), "each", head="fc")


def converted():
    import keras as k, tensorflow as tf, tf2onnx
    lstm, dense = k.layers.LSTM, k.layers.Dense
    both = lambda **more: k.layers.Bidirectional(lstm(H, **more))
    for name, layers, reads, function in [
        ("last", [lstm(H), dense(O, "softmax")], "last", "softmax"),
        ("each", [lstm(H, return_sequences=True), dense(O, "softmax")], "each", "softmax"),
        ("both", [both(return_sequences=True), both(), dense(O, "sigmoid")], "last", "sigmoid"),
        ("mean", [lstm(H, return_sequences=True), k.layers.GlobalAveragePooling1D(), dense(O)], "mean", "identity"),
    ]:
        net = k.Sequential([k.Input((T, D))] + layers)
        net.set_weights([draw(*w.shape) for w in net.get_weights()])
        out = net(x.swapaxes(0, 1)).numpy()
        out = out.swapaxes(0, 1) if reads == "each" else out
        net.export(HERE / f"keras-{name}-export.onnx", format="onnx", verbose=False)
        save(f"keras-{name}-export", {}, out, reads, function)
        signature = [tf.TensorSpec((None, T, D), tf.float32, name="x")]
        tf2onnx.convert.from_function(tf.function(lambda x: net(x), input_signature=signature), input_signature=signature,
                                      opset=17, output_path=HERE / f"keras-{name}-tf2onnx.onnx")
        save(f"keras-{name}-tf2onnx", {}, out, reads, function)


for make in [globals()[name] for name in sys.argv[1:]] or [torch, flax, haiku, equinox, keras, mlx, paddle]:
    try:
        make()
        print(make.__name__, "made")
    except ImportError as missing:
        print(make.__name__, "left out:", missing)
