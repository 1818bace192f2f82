"""Gradient checkers side by side: the same functions, the same planted faults. Who finds what, who cries wolf, how long
does it take?

    cargo build --release -p bptt-check --example planted_faults
    python -m venv peers && peers/bin/pip install torch jax numpy pytensor
    peers/bin/python tests/peers/gradcheckers.py target/release/examples/planted_faults > faults.csv
    python tests/peers/faults_table.py faults.csv

Each checker runs as its documentation says, with its own tolerances: torch.autograd.gradcheck, the same with
fast_mode=True, jax.test_util.check_grads (f32, the default of JAX, and f64), pytensor.gradient.verify_grad. Ours is
`autograd::check` as `examples/planted_faults.rs` calls it; its rows are taken over as they are.

Every gradient is written by hand, so that the fault is in the gradient and nowhere else. A row is one check: `flagged` is
whether the checker complained. With the fault `none` that is a false alarm; with any other it is a fault found. A second
argument takes only the functions whose name holds it: `"cell 4 ×"`.
"""

import csv
import json
import os
import subprocess
import sys
import time
import warnings

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["PYTENSOR_FLAGS"] = "mode=FAST_COMPILE,cxx="
warnings.filterwarnings("ignore")

import jax
import jax.numpy as jnp
import numpy as np
import pytensor
import pytensor.tensor as pt
import torch
from jax.test_util import check_grads
from pytensor.gradient import verify_grad
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

jax.config.update("jax_enable_x64", True)
torch.set_num_threads(2)

BATCH, INPUT = 2, 3
CELL = ["none", "scale 1.001", "one element 1 %", "sign", "transposed", "missing accumulation"]


def cell_backward(lib, dy, y, x, h, W, U, fault, element):
    """The adjoints of x, h, W, U and b for y = tanh(x Wᵀ + h Uᵀ + b), with a fault. `element` is U's shape, 1 but for
    one place, where it is 1.01."""
    dz = dy * (1 - y * y)
    dx, dh = dz @ W, dz @ U
    dW, dU, db = dz.T @ x, dz.T @ h, dz.sum(0)
    if fault == "scale 1.001":
        dU = dU * 1.001
    elif fault == "one element 1 %":
        dU = dU * element
    elif fault == "sign":
        dh = -dh
    elif fault == "transposed":
        dh = dz @ U.T
    elif fault == "missing accumulation":
        db = dz[0]
    return dx, dh, dW, dU, db


def element(hidden):
    wrong = np.ones((hidden, hidden))
    wrong[hidden // 2, hidden // 3] = 1.01
    return wrong


def draw(hidden, steps, dtype):
    rng = np.random.default_rng(7)
    bound = 1 / np.sqrt(hidden)
    sizes = [(steps, BATCH, INPUT), (BATCH, hidden), (hidden, INPUT), (hidden, hidden), (hidden,)]
    bounds = [1, 1, bound, bound, bound]
    return [rng.uniform(-b, b, s).astype(dtype) for s, b in zip(sizes, bounds)]


# One function of one array, with a gradient written by hand: name, value, derivative, point, fault, its factor.
def simple():
    rng = np.random.default_rng(3)
    kink = rng.uniform(-1, 1, (4, 5))
    kink[1, 2] = kink[3, 0] = 0
    saturated = np.where(rng.uniform(size=(4, 5)) < 0.5, -1, 1) * rng.uniform(11, 13, (4, 5))
    large = rng.uniform(-1, 1, 10_000)
    one = np.ones(10_000)
    one[4321] = 1.01
    yield "relu at kinks", "relu", kink, "none", 1.0
    yield "relu at kinks", "relu", kink, "sign", -1.0
    yield "saturated sigmoid", "sigmoid", saturated, "none", 1.0
    yield "saturated sigmoid", "sigmoid", saturated, "sign", -1.0
    yield "saturated sigmoid", "sigmoid", saturated, "scale 1.001", 1.001
    yield "sum of 10,000 sines", "sines", large, "none", 1.0
    yield "sum of 10,000 sines", "sines", large, "one element 1 %", one


# --- torch ---------------------------------------------------------------------------------------------------------


class TorchCell(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, h, W, U, b, fault, element):
        y = torch.tanh(x @ W.T + h @ U.T + b)
        ctx.save_for_backward(x, h, W, U, y)
        ctx.fault, ctx.element = fault, element
        return y

    @staticmethod
    def backward(ctx, dy):
        x, h, W, U, y = ctx.saved_tensors
        return *cell_backward(torch, dy, y, x, h, W, U, ctx.fault, ctx.element), None, None


class TorchSimple(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, kind, factor):
        ctx.kind, ctx.factor = kind, factor
        ctx.save_for_backward(x)
        return {"relu": torch.relu, "sigmoid": torch.sigmoid, "sines": lambda x: torch.sin(x).sum()}[kind](x)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        slope = {"relu": (x > 0).to(x.dtype), "sigmoid": s * (1 - s), "sines": torch.cos(x)}[ctx.kind]
        factor = ctx.factor if isinstance(ctx.factor, float) else torch.tensor(ctx.factor, dtype=x.dtype)
        return dy * slope * factor, None, None


def torch_check(f, args, fast):
    args = [torch.tensor(a, requires_grad=True) for a in args]
    torch.autograd.gradcheck(f, args, fast_mode=fast)


def torch_cell(args, fault, fast):
    wrong = torch.tensor(element(args[1].shape[1]), dtype=torch.tensor(args[0]).dtype)

    def run(x, h, W, U, b):
        for t in range(x.shape[0]):
            h = TorchCell.apply(x[t], h, W, U, b, fault, wrong)
        return h

    torch_check(run, args, fast)


def torch_simple(kind, x, factor, fast):
    torch_check(lambda x: TorchSimple.apply(x, kind, factor), [x], fast)


# --- jax -----------------------------------------------------------------------------------------------------------


def jax_cell(args, fault):
    wrong = jnp.asarray(element(args[1].shape[1]), dtype=args[0].dtype)

    @jax.custom_vjp
    def cell(x, h, W, U, b):
        return jnp.tanh(x @ W.T + h @ U.T + b)

    def forward(x, h, W, U, b):
        y = cell(x, h, W, U, b)
        return y, (x, h, W, U, y)

    def backward(saved, dy):
        x, h, W, U, y = saved
        return cell_backward(jnp, dy, y, x, h, W, U, fault, wrong)

    cell.defvjp(forward, backward)

    def run(x, h, W, U, b):
        for t in range(x.shape[0]):
            h = cell(x[t], h, W, U, b)
        return h

    check_grads(run, [jnp.asarray(a) for a in args], order=1, modes=["rev"])


def jax_simple(kind, x, factor):
    value = {"relu": lambda x: jnp.maximum(x, 0), "sigmoid": jax.nn.sigmoid, "sines": lambda x: jnp.sin(x).sum()}[kind]
    slope = {
        "relu": lambda x: (x > 0).astype(x.dtype),
        "sigmoid": lambda x: jax.nn.sigmoid(x) * (1 - jax.nn.sigmoid(x)),
        "sines": jnp.cos,
    }[kind]
    factor = jnp.asarray(factor, dtype=x.dtype)
    f = jax.custom_vjp(value)
    f.defvjp(lambda x: (value(x), x), lambda x, dy: (dy * slope(x) * factor,))
    check_grads(f, [jnp.asarray(x)], order=1, modes=["rev"])


# --- pytensor ------------------------------------------------------------------------------------------------------


class PytensorCell(Op):
    __props__ = ("fault",)

    def __init__(self, fault, wrong):
        self.fault, self.wrong = fault, wrong

    def make_node(self, x, h, W, U, b):
        x, h, W, U, b = map(pt.as_tensor_variable, (x, h, W, U, b))
        return Apply(self, [x, h, W, U, b], [h.type()])

    def perform(self, node, inputs, outputs):
        x, h, W, U, b = inputs
        outputs[0][0] = np.tanh(x @ W.T + h @ U.T + b).astype(h.dtype)

    def L_op(self, inputs, outputs, output_gradients):
        x, h, W, U, _ = inputs
        wrong = pt.constant(self.wrong.astype(h.dtype))
        return list(cell_backward(pt, output_gradients[0], outputs[0], x, h, W, U, self.fault, wrong))

    def pullback(self, inputs, outputs, output_gradients):
        return self.L_op(inputs, outputs, output_gradients)


class PytensorSimple(Op):
    __props__ = ("kind",)

    def __init__(self, kind, factor):
        self.kind, self.factor = kind, factor

    def make_node(self, x):
        x = pt.as_tensor_variable(x)
        return Apply(self, [x], [pt.scalar(dtype=x.dtype) if self.kind == "sines" else x.type()])

    def perform(self, node, inputs, outputs):
        (x,) = inputs
        value = {
            "relu": lambda: np.maximum(x, 0),
            "sigmoid": lambda: 1 / (1 + np.exp(-x)),
            "sines": lambda: np.sin(x).sum(),
        }[self.kind]()
        outputs[0][0] = np.asarray(value, dtype=x.dtype)

    def L_op(self, inputs, outputs, output_gradients):
        (x,), (dy,) = inputs, output_gradients
        s = pt.sigmoid(x)
        slope = {"relu": lambda: pt.cast(x > 0, x.dtype), "sigmoid": lambda: s * (1 - s), "sines": lambda: pt.cos(x)}
        return [dy * slope[self.kind]() * pt.constant(np.asarray(self.factor, dtype=x.dtype))]

    def pullback(self, inputs, outputs, output_gradients):
        return self.L_op(inputs, outputs, output_gradients)


def pytensor_cell(args, fault):
    op, steps = PytensorCell(fault, element(args[1].shape[1])), args[0].shape[0]

    def run(x, h, W, U, b):
        for t in range(steps):
            h = op(x[t], h, W, U, b)
        return h

    verify_grad(run, args, rng=np.random.default_rng(1))


def pytensor_simple(kind, x, factor):
    verify_grad(PytensorSimple(kind, factor), [x], rng=np.random.default_rng(1))


# --- the table -----------------------------------------------------------------------------------------------------


def row(checker, function, dtype, fault, check):
    start = time.perf_counter()
    try:
        check()
        said = ""
    except Exception as error:
        said = f"{type(error).__name__}: " + " ".join(str(error).split())
    seconds = time.perf_counter() - start
    return dict(checker=checker, function=function, dtype=dtype, fault=fault, flagged=bool(said), seconds=f"{seconds:.4f}", said=said[:160])


def rows(only):
    checkers_of_cells = [
        ("torch gradcheck", lambda a, f: torch_cell(a, f, False)),
        ("torch gradcheck fast", lambda a, f: torch_cell(a, f, True)),
        ("jax check_grads", jax_cell),
        ("pytensor verify_grad", pytensor_cell),
    ]
    for hidden, steps in [(4, 5), (4, 10), (32, 5), (32, 10)]:
        function = f"tanh cell {hidden} × {steps}"
        if only not in function:
            continue
        for dtype in ["float64", "float32"]:
            args = draw(hidden, steps, dtype)
            for fault in CELL:
                for checker, check in checkers_of_cells:
                    yield row(checker, function, dtype, fault, lambda: check(args, fault))
    for function, kind, x, fault, factor in simple():
        if only not in function:
            continue
        for dtype in ["float64", "float32"]:
            y = x.astype(dtype)
            yield row("torch gradcheck", function, dtype, fault, lambda: torch_simple(kind, y, factor, False))
            yield row("torch gradcheck fast", function, dtype, fault, lambda: torch_simple(kind, y, factor, True))
            yield row("jax check_grads", function, dtype, fault, lambda: jax_simple(kind, y, factor))
            yield row("pytensor verify_grad", function, dtype, fault, lambda: pytensor_simple(kind, y, factor))


def main():
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    ours = json.loads(subprocess.run([sys.argv[1]], check=True, capture_output=True).stdout) if len(sys.argv) > 1 else []
    table = csv.DictWriter(sys.stdout, ["checker", "function", "dtype", "fault", "flagged", "seconds", "said"])
    table.writeheader()
    for one in ours:
        if only in one["function"]:
            table.writerow(one)
    for one in rows(only):
        table.writerow(one)
        sys.stdout.flush()


main()
