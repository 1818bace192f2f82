"""What a library takes for the gradient where there is none: at kinks, ties and bounds. Prints a row for each library that is
installed:

    pip install jax autograd torch tensorflow-cpu paddlepaddle mlx mlx-cpu tinygrad pytensor && python examples/gradcheck/kinks.py
"""

import importlib
import importlib.metadata
import os
import sys
import warnings

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("DEV", "PYTHON")  # tinygrad without a compiler
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("PYTENSOR_FLAGS", "mode=FAST_COMPILE,cxx=")
warnings.filterwarnings("ignore")

CASES = ["abs 0", "relu 0", "max(x, 0) 0", "max(x, y) tie", "max of 3 ties", "clip at bound", "sqrt 0", "x^0 at 0", "prod with a 0"]


def jax_rows():
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    g = lambda f, x: [round(float(v), 6) for v in jnp.ravel(jax.grad(lambda x: jnp.sum(f(x)))(jnp.asarray(x, dtype=jnp.float64)))]
    return [
        g(jnp.abs, 0.0), g(jax.nn.relu, 0.0), g(lambda x: jnp.maximum(x, 0.0), 0.0), g(lambda x: jnp.maximum(x[0], x[1]), [0.7, 0.7]),
        g(jnp.max, [0.7] * 3), g(lambda x: jnp.clip(x, 0.0, 1.0), 1.0), g(jnp.sqrt, 0.0), g(lambda x: x**0.0, 0.0), g(jnp.prod, [0.0, 2.0, 3.0]),
    ]


def autograd_rows():
    import autograd.numpy as np
    from autograd import grad

    def g(f, x):
        with np.errstate(all="ignore"):
            return [round(float(v), 6) for v in np.ravel(grad(lambda x: np.sum(f(x)))(np.array(x, dtype=float)))]

    return [
        g(np.abs, 0.0), None, g(lambda x: np.maximum(x, 0.0), 0.0), g(lambda x: np.maximum(x[0], x[1]), [0.7, 0.7]),
        g(np.max, [0.7] * 3), g(lambda x: np.clip(x, 0.0, 1.0), 1.0), g(np.sqrt, 0.0), g(lambda x: x**0.0, 0.0), g(np.prod, [0.0, 2.0, 3.0]),
    ]


def torch_rows():
    import torch

    def g(f, x):
        x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        f(x).sum().backward()
        return [round(float(v), 6) for v in x.grad.flatten()]

    zero = torch.tensor(0.0, dtype=torch.float64)
    return [
        g(torch.abs, 0.0), g(torch.relu, 0.0), g(lambda x: torch.maximum(x, zero), 0.0), g(lambda x: torch.maximum(x[0], x[1]), [0.7, 0.7]),
        g(torch.amax, [0.7] * 3), g(lambda x: torch.clamp(x, 0.0, 1.0), 1.0), g(torch.sqrt, 0.0), g(lambda x: x**0.0, 0.0), g(torch.prod, [0.0, 2.0, 3.0]),
    ]


def tensorflow_rows():
    import tensorflow as tf

    def g(f, x):
        x = tf.Variable(x, dtype=tf.float64)
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(f(x))
        return [round(float(v), 6) for v in tf.reshape(tf.convert_to_tensor(tape.gradient(y, x)), [-1])]

    zero = tf.constant(0.0, tf.float64)
    return [
        g(tf.abs, 0.0), g(tf.nn.relu, 0.0), g(lambda x: tf.maximum(x, zero), 0.0), g(lambda x: tf.maximum(x[0], x[1]), [0.7, 0.7]),
        g(tf.reduce_max, [0.7] * 3), g(lambda x: tf.clip_by_value(x, 0.0, 1.0), 1.0), g(tf.sqrt, 0.0), g(lambda x: x**0.0, 0.0), g(tf.reduce_prod, [0.0, 2.0, 3.0]),
    ]


def paddle_rows():
    import paddle

    def g(f, x):
        x = paddle.to_tensor(x, dtype="float64", stop_gradient=False)
        f(x).sum().backward()
        return [round(float(v), 6) for v in x.grad.flatten().tolist()]

    zero = paddle.to_tensor(0.0, dtype="float64")
    return [
        g(paddle.abs, 0.0), g(paddle.nn.functional.relu, 0.0), g(lambda x: paddle.maximum(x, zero), 0.0), g(lambda x: paddle.maximum(x[0], x[1]), [0.7, 0.7]),
        g(paddle.max, [0.7] * 3), g(lambda x: paddle.clip(x, 0.0, 1.0), 1.0), g(paddle.sqrt, 0.0), g(lambda x: x**0.0, 0.0), g(paddle.prod, [0.0, 2.0, 3.0]),
    ]


def mlx_rows():
    import mlx.core as mx
    import mlx.nn

    g = lambda f, x: [round(float(v), 6) for v in mx.grad(lambda x: mx.sum(f(x)))(mx.array(x)).reshape(-1).tolist()]
    return [
        g(mx.abs, 0.0), g(mlx.nn.relu, 0.0), g(lambda x: mx.maximum(x, 0.0), 0.0), g(lambda x: mx.maximum(x[0], x[1]), [0.7, 0.7]),
        g(mx.max, [0.7] * 3), g(lambda x: mx.clip(x, 0.0, 1.0), 1.0), g(mx.sqrt, 0.0), g(lambda x: x**0.0, 0.0), g(mx.prod, [0.0, 2.0, 3.0]),
    ]


def tinygrad_rows():
    from tinygrad import Tensor

    def g(f, x):
        x = Tensor(x, requires_grad=True) if "requires_grad" in Tensor.__init__.__code__.co_varnames else Tensor(x).is_param_(True)
        f(x).sum().backward()
        return [round(float(v), 6) for v in x.grad.flatten().tolist()]

    return [
        g(Tensor.abs, [0.0]), g(Tensor.relu, [0.0]), g(lambda x: x.maximum(0.0), [0.0]), g(lambda x: x[0].maximum(x[1]), [0.7, 0.7]),
        g(Tensor.max, [0.7] * 3), g(lambda x: x.clip(0.0, 1.0), [1.0]), g(Tensor.sqrt, [0.0]), g(lambda x: x**0.0, [0.0]), g(Tensor.prod, [0.0, 2.0, 3.0]),
    ]


def pytensor_rows():
    import numpy as np
    import pytensor
    import pytensor.tensor as pt

    def g(f, x):
        v = pt.vector("x", dtype="float64")
        slope = pytensor.function([v], pytensor.grad(pt.sum(f(v)), v, disconnected_inputs="ignore"))
        return [round(float(v), 6) for v in slope(np.array(x, dtype="float64"))]

    relu = getattr(pt, "relu", None)
    return [
        g(pt.abs, [0.0]), relu and g(relu, [0.0]), g(lambda x: pt.maximum(x, 0.0), [0.0]), g(lambda x: pt.maximum(x[0], x[1]), [0.7, 0.7]),
        g(pt.max, [0.7] * 3), g(lambda x: pt.clip(x, 0.0, 1.0), [1.0]), g(pt.sqrt, [0.0]), g(lambda x: x**0.0, [0.0]), g(pt.prod, [0.0, 2.0, 3.0]),
    ]


LIBRARIES = [
    ("torch", "torch", torch_rows),
    ("jax", "jax", jax_rows),
    ("autograd", "autograd", autograd_rows),
    ("tensorflow", "tensorflow-cpu", tensorflow_rows),
    ("paddle", "paddlepaddle", paddle_rows),
    ("mlx", "mlx", mlx_rows),
    ("tinygrad", "tinygrad", tinygrad_rows),
    ("pytensor", "pytensor", pytensor_rows),
]

wanted = sys.argv[1:]
print("| library | " + " | ".join(CASES) + " |")
print("|---" * (len(CASES) + 1) + "|")
for name, package, rows in LIBRARIES:
    if wanted and name not in wanted:
        continue
    try:
        importlib.import_module(name)
        version = importlib.metadata.version(package)
    except ImportError:
        continue
    try:
        rows = rows()
    except Exception as error:
        print(f"{name} {version}: {type(error).__name__}: {error}", file=sys.stderr)
        continue
    cells = ["—" if row is None else ", ".join(f"{v:g}" for v in row) for row in rows]
    print(f"| {name} {version} | " + " | ".join(cells) + " |", flush=True)
