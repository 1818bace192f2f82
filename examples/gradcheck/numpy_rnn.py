"""An Elman net in NumPy, with backpropagation through time by hand.

    rnn gradcheck --program 'python examples/gradcheck/numpy_rnn.py'
    rnn gradcheck --program 'python examples/gradcheck/numpy_rnn.py --forget'   # one line of the backward pass is missing
"""

import sys

import numpy as np

from lines import serve

T, N, D, H = 6, 3, 2, 4  # steps, sequences, features, hidden units
rng = np.random.default_rng(0)
parameters = {
    "W": rng.normal(0, 0.5, (H, D)),
    "U": rng.normal(0, 0.5, (H, H)),
    "b": rng.normal(0, 0.1, H),
}
x = rng.normal(0, 1, (T, N, D))


def states(p):
    h = [np.zeros((N, H))]
    for t in range(T):
        h.append(np.tanh(x[t] @ p["W"].T + h[-1] @ p["U"].T + p["b"]))
    return h


def loss(p):
    return sum(np.sum(h * h) for h in states(p)) / 2


def gradient(p):
    h = states(p)
    g = {name: np.zeros_like(value) for name, value in p.items()}
    dh = np.zeros((N, H))
    for t in reversed(range(T)):
        dh = dh + h[t + 1]
        da = dh * (1 - h[t + 1] ** 2)
        g["W"] += da.T @ x[t]
        g["U"] += da.T @ h[t]
        g["b"] += da.sum(0)
        # What goes back to the state before; the state of step 3 forgets it, if asked to.
        dh = np.zeros((N, H)) if t == 2 and "--forget" in sys.argv else da @ p["U"]
    return g


serve(parameters, loss, gradient)
