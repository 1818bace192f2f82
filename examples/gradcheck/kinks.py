"""What a library takes for the gradient where there is none: at kinks, ties and bounds. Prints a row for each library that is
installed:

    pip install jax autograd torch && python examples/gradcheck/kinks.py
"""

import importlib
import importlib.metadata
import sys

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


print("| library | " + " | ".join(CASES) + " |")
print("|---" * (len(CASES) + 1) + "|")
for name, rows in [("jax", jax_rows), ("autograd", autograd_rows), ("torch", torch_rows)]:
    try:
        importlib.import_module(name)
    except ImportError:
        continue
    version = importlib.metadata.version(name)
    try:
        rows = rows()
    except Exception as error:
        print(f"{name} {version}: {type(error).__name__}: {error}", file=sys.stderr)
        continue
    cells = ["—" if row is None else ", ".join(f"{v:g}" for v in row) for row in rows]
    print(f"| {name} {version} | " + " | ".join(cells) + " |")
