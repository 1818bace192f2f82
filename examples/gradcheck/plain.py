"""A tanh recurrence in plain Python, h[t] = tanh(U h[t-1] + w x[t]), with backpropagation through time by hand.

    rnn gradcheck --program 'python3 examples/gradcheck/plain.py'
    rnn gradcheck --program 'python3 examples/gradcheck/plain.py --forget'    # a state that does not go back at one step
    rnn gradcheck --program 'python3 examples/gradcheck/plain.py --element'   # one element of 36 has the wrong sign
    rnn gradcheck --program 'python3 examples/gradcheck/plain.py --keep'      # a gradient that is never set to zero
    rnn gradcheck --program 'python3 examples/gradcheck/plain.py --five'      # five times what it should be
    rnn gradcheck --program 'python3 examples/gradcheck/plain.py --nan'       # one element is not a number
    rnn gradcheck --program 'python3 examples/gradcheck/plain.py --noise'     # a loss with another value each time
"""

import math
import random
import sys

from lines import serve

T, H = 6, 6
parameters = {
    "U": [[0.6 * math.sin(1 + 3 * i + 5 * j) for j in range(H)] for i in range(H)],
    "w": [math.cos(i) for i in range(H)],
}
x = [math.sin(2 + t) for t in range(T)]
kept = {"U": [[0.0] * H for _ in range(H)], "w": [0.0] * H}


def states(p):
    h = [[0.0] * H]
    for t in range(T):
        h.append([math.tanh(sum(u * v for u, v in zip(p["U"][i], h[-1])) + p["w"][i] * x[t]) for i in range(H)])
    return h


def loss(p):
    noise = 1e-3 * random.random() if "--noise" in sys.argv else 0.0
    return sum(v * v for h in states(p) for v in h) + noise


def gradient(p):
    h = states(p)
    g = kept if "--keep" in sys.argv else {"U": [[0.0] * H for _ in range(H)], "w": [0.0] * H}
    dh = [0.0] * H
    for t in reversed(range(T)):
        da = [(dh[i] + 2 * h[t + 1][i]) * (1 - h[t + 1][i] ** 2) for i in range(H)]
        for i in range(H):
            g["w"][i] += da[i] * x[t]
            for j in range(H):
                g["U"][i][j] += da[i] * h[t][j]
        forget = t == 2 and "--forget" in sys.argv
        dh = [0.0 if forget else sum(da[i] * p["U"][i][j] for i in range(H)) for j in range(H)]
    if "--element" in sys.argv:
        g["U"][3][4] *= -1
    if "--five" in sys.argv:
        g = {"U": [[5 * u for u in row] for row in g["U"]], "w": [5 * w for w in g["w"]]}
    if "--nan" in sys.argv:
        g["w"][2] = math.nan
    return g


serve(parameters, loss, gradient)
