"""A GRU in JAX, whose step has a custom VJP.

    rnn gradcheck --program 'python examples/gradcheck/jax_gru.py'
    rnn gradcheck --program 'python examples/gradcheck/jax_gru.py --sign'   # of the update gate
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np

from lines import serve

jax.config.update("jax_enable_x64", True)
SIGN = -1.0 if "--sign" in sys.argv else 1.0
T, N, D, H = 5, 2, 3, 4
rng = np.random.default_rng(0)
parameters = {
    "W": rng.normal(0, 0.5, (3 * H, D)),
    "U": rng.normal(0, 0.5, (3 * H, H)),
    "b": rng.normal(0, 0.3, 3 * H),
}
x = jnp.asarray(rng.normal(0, 1, (T, N, D)))


@jax.custom_vjp
def mix(z, h, n):
    return z * h + (1 - z) * n


mix.defvjp(lambda z, h, n: (mix(z, h, n), (z, h, n)), lambda kept, dy: backward(*kept, dy))


def backward(z, h, n, dy):
    return SIGN * dy * (h - n), dy * z, dy * (1 - z)


@jax.jit
def forward(p):
    def step(h, x):
        r, z, n = jnp.split(x @ p["W"].T + p["b"], 3, 1)
        ur, uz, un = jnp.split(h @ p["U"].T, 3, 1)
        r, z = jax.nn.sigmoid(r + ur), jax.nn.sigmoid(z + uz)
        h = mix(z, h, jnp.tanh(n + r * un))
        return h, h

    _, h = jax.lax.scan(step, jnp.zeros((N, H)), x)
    return jnp.sum(h**2)


serve(parameters, forward, jax.jit(jax.grad(forward)))
