"""The nets that are timed, as a user of PyTorch or JAX writes them.

Each has one recurrent layer, a linear head at every step and the mean cross entropy over all steps; a step is the
forward pass, the loss and the gradients of all parameters. Inputs are `[time, batch, feature]`.
"""

from typing import NamedTuple


class Case(NamedTuple):
    """A size: cell, sequences, steps, input, hidden, classes."""

    cell: str
    batch: int
    steps: int
    inputs: int
    hidden: int
    classes: int


CASES = {
    "tiny-elman": Case("elman", 1, 20, 8, 16, 8),
    "tiny-lstm": Case("lstm", 1, 20, 8, 16, 8),
    "char-elman": Case("elman", 32, 50, 64, 128, 64),
    "char-lstm": Case("lstm", 32, 50, 64, 128, 64),
    "char-gru": Case("gru", 32, 50, 64, 128, 64),
    "char-mgu": Case("mgu", 32, 50, 64, 128, 64),
    "wide-lstm": Case("lstm", 64, 100, 512, 512, 64),
    "wide-mgu": Case("mgu", 64, 100, 512, 512, 64),
    "long-lstm": Case("lstm", 16, 1000, 10, 64, 10),
}

GATES = {"elman": 1, "lstm": 4, "gru": 3, "mgu": 2}


def torch_fused(case: Case):
    """PyTorch's own layer. There is none for a cell that PyTorch does not know."""
    import torch

    layer = {"elman": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}.get(case.cell)
    if layer is None:
        return None
    net = layer(case.inputs, case.hidden)
    return _torch_step(case, lambda x: net(x)[0], list(net.parameters()))


def torch_loop(case: Case):
    """A loop over the steps, with the gates in one product."""
    import torch

    gates, hidden = GATES[case.cell], case.hidden
    w = (torch.randn(case.inputs, gates * hidden) / case.inputs**0.5).requires_grad_()
    u = (torch.randn(hidden, gates * hidden) / hidden**0.5).requires_grad_()
    b = torch.zeros(gates * hidden).requires_grad_()

    def forward(x):
        h = c = torch.zeros(case.batch, hidden)
        states = []
        for x_t in x:
            h, c = _cell(case.cell, torch, x_t @ w + b, h, c, u)
            states.append(h)
        return torch.stack(states)

    return _torch_step(case, forward, [w, u, b])


def _torch_step(case: Case, forward, weights):
    import torch

    x = torch.randn(case.steps, case.batch, case.inputs)
    y = torch.randint(0, case.classes, (case.steps * case.batch,))
    head = torch.nn.Linear(case.hidden, case.classes)
    weights = [*weights, *head.parameters()]

    def step():
        for weight in weights:
            weight.grad = None
        logits = head(forward(x)).reshape(-1, case.classes)
        torch.nn.functional.cross_entropy(logits, y).backward()

    return step


def jax_scan(case: Case, hoisted: bool):
    """A scan; `hoisted` has the products with the inputs before the loop, as an expert writes it."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    gates, hidden = GATES[case.cell], case.hidden
    rng = np.random.default_rng(0)
    normal = lambda *shape: jnp.asarray(rng.standard_normal(shape, dtype=np.float32)) / shape[0] ** 0.5
    weights = {
        "w": normal(case.inputs, gates * hidden),
        "u": normal(hidden, gates * hidden),
        "b": jnp.zeros(gates * hidden),
        "v": normal(hidden, case.classes),
        "a": jnp.zeros(case.classes),
    }
    x = jnp.asarray(rng.standard_normal((case.steps, case.batch, case.inputs), dtype=np.float32))
    y = jnp.asarray(rng.integers(0, case.classes, (case.steps, case.batch)))

    def loss(p, x, y):
        before = (lambda x: x @ p["w"] + p["b"]) if hoisted else (lambda x: x)
        inside = (lambda x: x) if hoisted else (lambda x: x @ p["w"] + p["b"])

        def body(state, x_t):
            h, c = _cell(case.cell, jnp, inside(x_t), *state, p["u"])
            return (h, c), h

        zero = jnp.zeros((case.batch, hidden))
        _, states = jax.lax.scan(body, (zero, zero), before(x))
        log_p = jax.nn.log_softmax(states @ p["v"] + p["a"])
        return -jnp.take_along_axis(log_p, y[..., None], -1).mean()

    gradient = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(gradient(weights, x, y))


def _cell(cell: str, lib, a, h, c, u):
    """One step of a cell: `a` is what comes from the input. `lib` is torch or jax.numpy."""
    hidden = h.shape[1]
    part = lambda m, k: m[:, k * hidden : (k + 1) * hidden]
    sigmoid = lib.sigmoid if hasattr(lib, "sigmoid") else __import__("jax").nn.sigmoid
    if cell == "elman":
        return lib.tanh(a + h @ u), c
    if cell == "lstm":
        m = a + h @ u
        i, f, g, o = (part(m, k) for k in range(4))
        c = sigmoid(f) * c + sigmoid(i) * lib.tanh(g)
        return sigmoid(o) * lib.tanh(c), c
    if cell == "gru":
        m = h @ u
        r, z = sigmoid(part(a, 0) + part(m, 0)), sigmoid(part(a, 1) + part(m, 1))
        n = lib.tanh(part(a, 2) + r * part(m, 2))
        return (1 - z) * n + z * h, c
    f = sigmoid(part(a, 0) + h @ part(u, 0))
    n = lib.tanh(part(a, 1) + (f * h) @ part(u, 1))
    return (1 - f) * h + f * n, c


PEERS = {
    "PyTorch layer": torch_fused,
    "PyTorch loop": torch_loop,
    "JAX scan": lambda case: jax_scan(case, hoisted=False),
    "JAX scan, hoisted": lambda case: jax_scan(case, hoisted=True),
}
