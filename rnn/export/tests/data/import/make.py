#!/usr/bin/env python3
"""Layers of other frameworks, with random weights, as safetensors files in each one's own names and order; and beside each
what it computes: y from x, and the derivative of sum(v * y) by x.

    python make.py        needs flax, dm-haiku, equinox, keras (with KERAS_BACKEND=jax), mlx, paddlepaddle, or torch with
                          onnx and onnxscript: makes the files of those it finds
    KERAS_BACKEND=tensorflow python make.py converted
                          makes ONNX files by Keras' converter: needs keras, tensorflow and tf2onnx

Made with jax 0.10.2, flax 0.12.8, dm-haiku 0.0.17, equinox 0.13.8, keras 3.15.1, mlx 0.32.4, torch 2.15.0 with onnx 1.23.2
and onnxscript 0.7.2, tensorflow 2.21.0 with tf2onnx 1.17.0, paddlepaddle 3.3.1. candle's files are made by `make_candle.rs`.
All arrays of values are [time, batch, feature].

PyTorch's files are safetensors, and ONNX by both of its exporters: `new` (dynamo=True, which writes larger weights into a
file of their own, and an nn.RNN step by step) and `old`. Keras' are made by `model.export(format="onnx")`, which is
tf2onnx, and by tf2onnx itself; both write a GRU or a SimpleRNN as a `Loop`, which is no file for us.
"""
import json, os, pathlib, sys
import numpy as np

os.environ.setdefault("KERAS_BACKEND", "jax")
HERE = pathlib.Path(__file__).parent
T, B, D, H = 5, 2, 3, 4
rng = np.random.default_rng(1)
draw = lambda *shape: rng.normal(size=shape).astype(np.float32)
x, v = draw(T, B, D), draw(T, B, H)


def without_places(path):
    """The exporter writes into each node where the net was made; that is left out of the file."""
    import onnx
    model = onnx.load(path)
    for node in [n for graph in (model.graph, *model.functions) for n in graph.node]:
        del node.metadata_props[:]
    onnx.save(model, path)


def save(name, weights, y, dx, v=v, **more):
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
    values = {"time": T, "batch": B, "input": D, "hidden": H, "x": flat(x), "v": flat(v), "y": flat(y), "dx": flat(dx)} | more
    (HERE / f"{name}.json").write_text(json.dumps(values) + "\n")


def with_gradient(name, weights, run):
    import jax, jax.numpy as jnp
    y, dx = run(x), jax.grad(lambda x: jnp.sum(v * run(x)))(jnp.asarray(x))
    save(name, weights, y, dx)


def flax():
    import jax
    from flax import linen, traverse_util
    for name, cell in [("lstm", linen.LSTMCell), ("lstm-optimized", linen.OptimizedLSTMCell), ("gru", linen.GRUCell), ("rnn", linen.SimpleCell)]:
        net = linen.RNN(cell(H), time_major=True)
        tree = jax.tree.map(lambda a: draw(*a.shape), net.init(jax.random.key(0), x))
        flat = {"/".join(k): a for k, a in traverse_util.flatten_dict(tree).items()}
        with_gradient(f"flax-{name}", flat, lambda x: net.apply(tree, x))


def haiku():
    import jax, haiku as hk
    for name, cell in [("lstm", hk.LSTM), ("gru", hk.GRU), ("rnn", hk.VanillaRNN)]:
        def run(x):
            core = cell(H)
            return hk.dynamic_unroll(core, x, core.initial_state(B))[0]
        net = hk.without_apply_rng(hk.transform(run))
        tree = jax.tree.map(lambda a: draw(*a.shape), net.init(jax.random.key(0), x))
        flat = {f"{module}/{k}": a for module, part in tree.items() for k, a in part.items()}
        with_gradient(f"haiku-{name}", flat, lambda x: net.apply(tree, x))


def equinox():
    import jax, jax.numpy as jnp, equinox as eqx
    for name, cell in [("lstm", eqx.nn.LSTMCell), ("gru", eqx.nn.GRUCell)]:
        net = cell(D, H, key=jax.random.key(0))
        names = ["weight_ih", "weight_hh", "bias"] + (["bias_n"] if name == "gru" else [])
        net = eqx.tree_at(lambda n: [getattr(n, k) for k in names], net, [jnp.asarray(draw(*getattr(net, k).shape)) for k in names])
        def run(x):
            h = jnp.zeros((B, H))
            def step(s, x):
                s = jax.vmap(net)(x, s)
                return s, s[0] if name == "lstm" else s
            return jax.lax.scan(step, (h, h) if name == "lstm" else h, jnp.asarray(x))[1]
        with_gradient(f"equinox-{name}", {k: getattr(net, k) for k in names}, run)


def keras():
    import jax, keras as k
    layers = {"lstm": k.layers.LSTM(H, return_sequences=True), "gru": k.layers.GRU(H, return_sequences=True),
              "gru-before": k.layers.GRU(H, return_sequences=True, reset_after=False), "rnn": k.layers.SimpleRNN(H, return_sequences=True)}
    for name, layer in layers.items():
        layer.build((B, T, D))
        layer.set_weights([draw(*w.shape) for w in layer.get_weights()])
        flat = {w.path: np.asarray(w) for w in layer.weights}
        swap = lambda a: a.swapaxes(0, 1)
        with_gradient(f"keras-{name}", flat, lambda x: swap(layer(swap(jax.numpy.asarray(x)))))


def keras_deep():
    import jax, keras as k
    wide, swap = draw(T, B, 2 * H), lambda a: a.swapaxes(0, 1)
    for name, kind in [("lstm", k.layers.LSTM), ("gru", k.layers.GRU)]:
        k.utils.clear_session()  # which numbers the names from the first again
        layers = [k.layers.Bidirectional(kind(H, return_sequences=True)) for _ in range(2)]
        for layer, width in zip(layers, [D, 2 * H]):
            layer.build((B, T, width))
            layer.set_weights([draw(*w.shape) for w in layer.get_weights()])
        run = lambda x: swap(layers[1](layers[0](swap(jax.numpy.asarray(x)))))
        dx = jax.grad(lambda x: jax.numpy.sum(wide * run(x)))(jax.numpy.asarray(x))
        flat = {w.path: np.asarray(w) for layer in layers for w in layer.weights}
        save(f"keras-{name}-deep", flat, run(x), dx, wide, layers=2, directions=2)


def mlx():
    import mlx.core as mx, mlx.nn as nn
    from mlx.utils import tree_flatten
    swap = lambda a: mx.swapaxes(a, 0, 1)
    for name, net in [("lstm", nn.LSTM(D, H)), ("gru", nn.GRU(D, H)), ("rnn", nn.RNN(D, H))]:
        net.update({k: mx.array(draw(*a.shape)) for k, a in tree_flatten(net.parameters())})
        first = lambda y: y[0] if isinstance(y, tuple) else y
        run = lambda x: swap(first(net(swap(x))))
        y, dx = run(mx.array(x)), mx.grad(lambda x: mx.sum(mx.array(v) * run(x)))(mx.array(x))
        save(f"mlx-{name}", {k: np.array(a) for k, a in tree_flatten(net.parameters())}, np.array(y), np.array(dx))


def paddle():
    """Paddle's state dictionaries have each array under two names: `weight_ih_l0` and `0.cell.weight_ih`."""
    import paddle as p
    wide = draw(T, B, 2 * H)
    both = {"num_layers": 2, "direction": "bidirect"}
    for name, kind, many in [("lstm", p.nn.LSTM, {}), ("gru", p.nn.GRU, {}), ("rnn", p.nn.SimpleRNN, {}),
                             ("lstm-deep", p.nn.LSTM, both), ("gru-deep", p.nn.GRU, both)]:
        net, weight = kind(D, H, time_major=True, **many), wide if many else v
        for w in net.parameters():
            w.set_value(draw(*w.shape))
        at = p.to_tensor(x, stop_gradient=False)
        y = net(at)[0]
        (p.to_tensor(weight) * y).sum().backward()
        more = {"layers": 2, "directions": 2} if many else {}
        save(f"paddle-{name}", {k: w.numpy() for k, w in net.state_dict().items()}, y.numpy(), at.grad.numpy(), weight, **more)


def torch():
    import torch as th, warnings
    warnings.filterwarnings("ignore")
    wide = draw(T, B, 2 * H)
    for name, kind, many in [("lstm", th.nn.LSTM, {}), ("gru", th.nn.GRU, {}), ("rnn", th.nn.RNN, {}),
                             ("relu", th.nn.RNN, {"nonlinearity": "relu"}),
                             ("lstm-deep", th.nn.LSTM, {"num_layers": 2, "bidirectional": True}),
                             ("gru-deep", th.nn.GRU, {"num_layers": 2, "bidirectional": True})]:
        net, deep = kind(D, H, **many).eval(), "num_layers" in many
        with th.no_grad():
            for w in net.parameters():
                w.copy_(th.tensor(draw(*w.shape)))
        at, weight = th.tensor(x, requires_grad=True), wide if deep else v
        y = net(at)[0]
        (th.tensor(weight) * y).sum().backward()
        values = (y.detach().numpy(), at.grad.numpy(), weight)
        more = {"layers": 2, "directions": 2} if deep else {}
        if name != "relu":  # a file of weights does not tell
            save(f"torch-{name}", {k: w.detach().numpy() for k, w in net.state_dict().items()}, *values, **more)
        for word, how in [("new", {"dynamo": True}), ("old", {"dynamo": False, "opset_version": 17})]:
            if word == "new" and kind is th.nn.RNN:
                continue
            th.onnx.export(net, (th.tensor(x),), HERE / f"torch-{name}-{word}.onnx", verbose=False, **how)
            without_places(HERE / f"torch-{name}-{word}.onnx")
            save(f"torch-{name}-{word}", {}, *values, **more)


def converted():
    import keras as k, tensorflow as tf, tf2onnx
    wide, swap = draw(T, B, 2 * H), lambda a: tf.transpose(a, [1, 0, 2])
    lstm = lambda: k.layers.LSTM(H, return_sequences=True)
    both = lambda: k.layers.Bidirectional(lstm())
    for name, layers in [("lstm", [lstm()]), ("lstm-two", [lstm(), lstm()]), ("lstm-deep", [both(), both()])]:
        net = k.Sequential([k.Input((T, D))] + layers)
        net.set_weights([draw(*w.shape) for w in net.get_weights()])
        weight = wide if name == "lstm-deep" else v
        with tf.GradientTape() as tape:
            at = tf.constant(x)
            tape.watch(at)
            y = swap(net(swap(at)))
            loss = tf.reduce_sum(weight * y)
        values = (y.numpy(), tape.gradient(loss, at).numpy(), weight)
        more = {} if name == "lstm" else {"layers": 2} | ({"directions": 2} if name == "lstm-deep" else {})
        net.export(HERE / f"keras-{name}-export.onnx", format="onnx", verbose=False)
        save(f"keras-{name}-export", {}, *values, **more)
        signature = [tf.TensorSpec((None, T, D), tf.float32, name="x")]
        tf2onnx.convert.from_function(tf.function(lambda x: net(x), input_signature=signature), input_signature=signature,
                                      opset=17, output_path=HERE / f"keras-{name}-tf2onnx.onnx")
        save(f"keras-{name}-tf2onnx", {}, *values, **more)


for make in [globals()[name] for name in sys.argv[1:]] or [flax, haiku, equinox, keras, keras_deep, mlx, paddle, torch]:
    try:
        make()
        print(make.__name__, "made")
    except ImportError as missing:
        print(make.__name__, "left out:", missing)
