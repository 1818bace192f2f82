"""Checkers of functions side by side: the same NumPy functions, the same gradients by hand, right and wrong. Who finds what, who
cries wolf, in how many calls, in what time?

    python -m venv peers && peers/bin/pip install numpy torch jax autograd openmdao numdifftools scipy
    peers/bin/python tests/peers/closures.py rnn

The argument is the program `rnn`, which asks this file over lines of JSON. Each checker runs as its documentation says, with its own
tolerances; numdifftools and SciPy have none, and are given NumPy's `allclose`. Prints a table in Markdown. The seconds of `rnn` are those of
two programs that are started, a Python among them, and of lines that are read and written; the others call the function where it is.
"""

import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("OPENMDAO_REPORTS", "0")
warnings.filterwarnings("ignore")
import numpy as np

X = np.cos(1.3 * np.arange(10.0))
MANY = np.cos(0.7 * np.arange(1000.0))
sigmoid = lambda x: 1 / (1 + np.exp(-x))

# name: f, its gradient, where
FUNCTIONS = {
    "sines": (lambda x: np.sin(x).sum(), np.cos, X),
    "1,000 sines": (lambda x: np.sin(x).sum(), np.cos, MANY),
    "product": (lambda x: np.prod(1 + x), lambda x: np.prod(1 + x) / (1 + x), X),
    "exp 300 x at 0": (lambda x: np.exp(300 * x).sum(), lambda x: 300 * np.exp(300 * x), np.zeros(1)),
    "x^200 at 1": (lambda x: (x**200).sum(), lambda x: 200 * x**199, np.ones(1)),
    "1e6 + 0.001 sin": (lambda x: 1e6 + 1e-3 * np.sin(x).sum(), lambda x: 1e-3 * np.cos(x), X),
    "1e-12 sin": (lambda x: 1e-12 * np.sin(x).sum(), lambda x: 1e-12 * np.cos(x), X),
    "1e200 sin": (lambda x: 1e200 * np.sin(x).sum(), lambda x: 1e200 * np.cos(x), X),
    "ln at 1e-6": (lambda x: np.log(x).sum(), lambda x: 1 / x, np.full(3, 1e-6)),
    "scales 1e-8 and 1e8": (lambda x: np.sin(1e8 * x[0]) + np.sin(1e-8 * x[1]), lambda x: np.array([1e8 * np.cos(1e8 * x[0]), 1e-8 * np.cos(1e-8 * x[1])]), np.array([1e-8, 1e8])),
    "softplus at -50": (lambda x: np.log1p(np.exp(x)).sum(), sigmoid, np.array([-50.0, 0.3])),
    "relu 1e-7 beside 0": (lambda x: np.maximum(x, 0).sum(), lambda x: (x > 0) * 1.0, np.array([1e-7, -1e-7, 0.4])),
    "relu at 0": (lambda x: np.maximum(x, 0).sum(), lambda x: (x > 0) * 1.0, np.array([0.0, 0.4, -0.3])),
    "max of 4 ties": (lambda x: np.max(x), lambda x: (x == np.max(x)) / np.sum(x == np.max(x)), np.full(4, 0.7)),
    "f32 dot": (lambda x: float(np.dot(x.astype(np.float32), np.cos(X).astype(np.float32))), lambda x: np.cos(X).astype(np.float32).astype(float), X.astype(np.float32).astype(float)),
}
FAULTS = {
    "none": lambda g: g,
    "sign": lambda g: -g,
    "zero": lambda g: 0 * g,
    "factor 1.01": lambda g: 1.01 * g,
    "factor 1.0001": lambda g: 1.0001 * g,
    "one element 1 %": lambda g: np.where(np.arange(g.size) == g.size // 3, 1.01 * g, g),
}


class Count:
    def __init__(self, f):
        self.f, self.calls = f, 0

    def __call__(self, x):
        self.calls += 1
        return float(self.f(np.asarray(x, dtype=float)))


def by_torch(f, g, x, fast):
    import torch

    class F(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.tensor(f(x.detach().numpy()), dtype=torch.float64)

        @staticmethod
        def backward(ctx, dy):
            return dy * torch.tensor(g(ctx.saved_tensors[0].numpy()))

    torch.autograd.gradcheck(F.apply, [torch.tensor(x, requires_grad=True)], fast_mode=fast)


def by_jax(f, g, x):
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)
    out = jax.ShapeDtypeStruct((), np.float64)
    value = lambda x: jax.pure_callback(lambda x: np.float64(f(x)), out, x)
    h = jax.custom_vjp(value)
    slope = lambda x: jax.pure_callback(lambda x: g(np.asarray(x)), jax.ShapeDtypeStruct(x.shape, np.float64), x)
    h.defvjp(lambda x: (value(x), x), lambda x, dy: (dy * slope(x),))
    check_grads(h, [jax.numpy.asarray(x)], order=1, modes=["rev"])


def by_autograd(f, g, x):
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    h = primitive(lambda x: f(x))
    defvjp(h, lambda y, x: lambda dy: dy * g(x))
    check_grads(h, modes=["rev"], order=1)(x.copy())


def by_openmdao(f, g, x):
    import openmdao.api as om

    class C(om.ExplicitComponent):
        def setup(self):
            self.add_input("x", x)
            self.add_output("y", 0.0)
            self.declare_partials("y", "x")

        def compute(self, inputs, outputs):
            outputs["y"] = f(inputs["x"])

        def compute_partials(self, inputs, partials):
            partials["y", "x"] = g(inputs["x"])

    p = om.Problem(reports=None)
    p.model.add_subsystem("c", C())
    p.setup(force_alloc_complex=False)
    p.run_model()
    om_assert = __import__("openmdao.utils.assert_utils", fromlist=["x"]).assert_check_partials
    with open(os.devnull, "w") as nowhere:
        data = p.check_partials(out_stream=nowhere)
    om_assert(data)


def by_numdifftools(f, g, x):
    import numdifftools

    assert np.allclose(numdifftools.Gradient(f)(x), g(x))


def by_scipy(f, g, x):
    from scipy.optimize import approx_fprime

    assert np.allclose(approx_fprime(x, f), g(x))


CHECKERS = {
    "torch gradcheck": lambda f, g, x: by_torch(f, g, x, False),
    "torch gradcheck fast": lambda f, g, x: by_torch(f, g, x, True),
    "jax check_grads": by_jax,
    "autograd check_grads": by_autograd,
    "OpenMDAO check_partials": by_openmdao,
    "numdifftools + allclose": by_numdifftools,
    "SciPy approx_fprime + allclose": by_scipy,
}


def ours(rnn, name, fault):
    me = f"{sys.executable} {Path(__file__).resolve()} --serve '{name}' '{fault}'"
    run = subprocess.run([rnn, "gradcheck", "--json", "--program", me], capture_output=True, text=True)
    said = json.loads(run.stdout)
    return {"pass": "silent", "kink": "silent", "inconclusive": "open", "convention": "flagged", "fail": "flagged"}[said["verdict"]], said["calls"]


def serve(name, fault):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples/gradcheck"))
    from lines import serve

    f, g, x = FUNCTIONS[name]
    array = lambda p: np.asarray(p["x"], dtype=float)
    serve({"x": x}, lambda p: float(f(array(p))), lambda p: {"x": FAULTS[fault](g(array(p)))})


def cases():
    for name, (f, g, x) in FUNCTIONS.items():
        for fault, plant in FAULTS.items():
            # What changes nothing is no fault; nor is 1.0001 where single precision is all there is.
            if fault == "none" or not np.array_equal(plant(g(x)), g(x)) and (name, fault) != ("f32 dot", "factor 1.0001"):
                yield name, fault, f, (lambda x, g=g, plant=plant: np.asarray(plant(g(x)), dtype=float)), x


def main(rnn):
    rows = {}
    for check in CHECKERS.values():
        try:  # What is loaded and compiled once is no part of a check.
            check(*FUNCTIONS["sines"])
        except Exception:
            pass
    for name, fault, f, g, x in cases():
        for checker, check in CHECKERS.items():
            counted, start = Count(f), time.perf_counter()
            try:
                with np.errstate(all="ignore"):
                    check(counted, g, x)
                said = "silent"
            except Exception:
                said = "flagged"
            rows.setdefault(checker, []).append((name, fault, said, counted.calls, time.perf_counter() - start))
        start = time.perf_counter()
        said, calls = ours(rnn, name, fault)
        rows.setdefault("ours", []).append((name, fault, said, calls, time.perf_counter() - start))
    print("| checker | faults found | false alarms | calls, right gradient: median, most | calls, all checks | seconds: median, all checks |\n|---|---|---|---|---|---|")
    for checker in ["ours", *CHECKERS]:
        wrong = [r for r in rows[checker] if r[1] != "none"]
        right = [r for r in rows[checker] if r[1] == "none"]
        count = lambda rs, what: sum(r[2] == what for r in rs)
        some = lambda rs: f", {count(rs, 'open')} open" if count(rs, "open") else ""
        calls = sorted(r[3] for r in right)
        seconds = sorted(r[4] for r in rows[checker])
        print(
            f"| {checker} | {count(wrong, 'flagged')} of {len(wrong)}{some(wrong)} | {count(right, 'flagged')} of {len(right)}{some(right)} "
            f"| {calls[len(calls) // 2]}, {calls[-1]} | {sum(r[3] for r in rows[checker])} | {seconds[len(seconds) // 2]:.2g}, {sum(seconds):.2g} |"
        )
        for r in rows[checker]:
            if (r[2] == "flagged") != (r[1] != "none"):
                print(f"{checker}: {r[0]}, {r[1]}: {r[2]}", file=sys.stderr)


if sys.argv[1:2] == ["--serve"]:
    serve(*sys.argv[2:4])
else:
    main(sys.argv[1])
