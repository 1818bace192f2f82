"""Spectra of an Elman net's Jacobians, and norms of its gradient, from NumPy and from mpmath.

Usage: python make.py > spectra.json        needs numpy and mpmath (gmpy2 makes it fast)

h[k] = tanh(U x[k] + W h[k-1] + b), logits = V h[T], L = softmax cross-entropy of class 1, from h[0] = 0. The Jacobian is
J[k] = diag(1 - h[k]^2) W. All numbers of the net are whole numbers over a power of two, so that single precision holds them.

"short": 12 steps of 5 units in float64 by numpy.linalg: singular values and eigenvalues of each J[k] and of each product
J[T] ... J[k+1]; the angle between dL/dh[k] and the leading right singular vector of that product.
"long": 2000 steps of 3 units by mpmath with 6000 digits: log10 of the same singular values, and of the norm of dL/dh[k],
at some k; the Lyapunov exponents by QR of the transposed Jacobians from the last step back.
"""
import json
import sys

import mpmath
import numpy as np
from mpmath import mp, mpf

mp.dps = 6000


def net(n, inputs, steps):
    """The numbers of a net, as fractions of which float64 and float32 hold each exactly."""
    w = lambda seed, i, j: ((37 * i + 101 * j + 59 * seed + 17 * i * j) % 41 - 20) / 32
    return {
        "U": [[w(1, i, j) for j in range(inputs)] for i in range(n)],
        "W": [[w(8, i, j) for j in range(n)] for i in range(n)],
        "b": [w(3, i, 0) / 4 for i in range(n)],
        "V": [[w(4, i, j) for j in range(n)] for i in range(2)],
        "x": [[w(5 + k, i, k % 7) / 2 for i in range(inputs)] for k in range(steps)],
    }


def short():
    a = {name: np.array(value) for name, value in net(5, 2, 12).items()}
    h, jacobians = np.zeros(5), []
    for x in a["x"]:
        h = np.tanh(a["U"] @ x + a["W"] @ h + a["b"])
        jacobians.append(np.diag(1 - h * h) @ a["W"])
    p = np.exp(a["V"] @ h)
    p /= p.sum()
    g = a["V"].T @ (p - [0, 1])
    by_size = lambda values: sorted(([abs(z), abs(np.degrees(np.angle(z)))] for z in values), key=lambda z: -z[0])
    steps, products = [], []
    for k, j in enumerate(jacobians[1:], 2):
        steps.append({"step": k, "singular": list(np.linalg.svd(j)[1]), "eigenvalues": by_size(np.linalg.eigvals(j))})
    product = np.eye(5)
    for k in range(11, 0, -1):
        product = product @ jacobians[k]
        g = jacobians[k].T @ g
        _, sigma, right = np.linalg.svd(product)
        cosine = abs(right[0] @ g) / np.linalg.norm(g)
        products.append({
            "step": k,
            "singular": list(sigma),
            "eigenvalues": by_size(np.linalg.eigvals(product)),
            "angle": np.degrees(np.arccos(min(1, cosine))),
        })
    return {"steps": steps, "products": products}


def long(steps=2000, n=3):
    a = {name: mp.matrix(value) for name, value in net(n, 2, steps).items()}
    h, jacobians = mp.matrix(n, 1), []
    mp.dps = 60  # the net itself: its tanh is good to more than any float64
    for k in range(steps):
        z = a["U"] * a["x"][k, :].T + a["W"] * h + a["b"]
        h = mp.matrix([mp.tanh(z[i]) for i in range(n)])
        jacobians.append(mp.matrix([[(1 - h[i] ** 2) * a["W"][i, j] for j in range(n)] for i in range(n)]))
    p = a["V"] * h
    p = mp.matrix([mp.exp(p[0]), mp.exp(p[1])]) / (mp.exp(p[0]) + mp.exp(p[1]))
    g = a["V"].T * (p - mp.matrix([0, 1]))
    mp.dps = 6000
    log = lambda x: float(mp.log10(x)) if x else None
    norms, products, growth, q = {steps: log(mp.norm(g))}, [], [mpf(0)] * n, mp.eye(n)
    product, determinant = mp.eye(n), mpf(1)
    for k in range(steps - 1, 0, -1):
        back = jacobians[k].T
        determinant *= det(back)
        g = back * g
        product = back * product
        q, r = qr(back * q)
        growth = [s + mp.log(abs(r[i, i])) for i, s in enumerate(growth)]
        if k in (1, 100, 500, 1000, 1500, 1900, 1990, 1998, 1999):
            norms[k] = log(mp.norm(g))
            products.append({"step": k, "log10_singular": [log(s) for s in singular(product, determinant)]})
    exponents = sorted((float(s / (steps - 1)) for s in growth), reverse=True)
    return {"steps": steps, "log10_norms": norms, "products": products, "exponents": exponents}


def qr(a):
    """Gram and Schmidt: with this many digits nothing is lost."""
    with mp.workdps(80):
        n = a.rows
        q, r = mp.matrix(n, n), mp.matrix(n, n)
        for j in range(n):
            v = a[:, j]
            for i in range(j):
                r[i, j] = (q[:, i].T * v)[0]
                v = v - q[:, i] * r[i, j]
            r[j, j] = mp.norm(v)
            q[:, j] = v / r[j, j]
        return q, r


def det(m):
    minor = lambda i, j: m[1, i] * m[2, j] - m[1, j] * m[2, i]
    return m[0, 0] * minor(1, 2) - m[0, 1] * minor(0, 2) + m[0, 2] * minor(0, 1)


def singular(p, determinant):
    """Roots of the characteristic polynomial of the 3 x 3 Gram matrix: with 6000 digits the smallest has digits enough."""
    m = p.T * p
    trace = m[0, 0] + m[1, 1] + m[2, 2]
    minors = sum(m[i, i] * m[j, j] - m[i, j] * m[j, i] for i, j in ((0, 1), (0, 2), (1, 2)))
    square = determinant ** 2
    # Newton's method from above the largest root, from below the smallest; the middle one by the product.
    f = lambda x: ((x - trace) * x + minors) * x - square
    slope = lambda x: (3 * x - 2 * trace) * x + minors
    def root(x):
        for _ in range(400):
            step = f(x) / slope(x)
            x -= step
            if abs(step) <= abs(x) * mpf(10) ** -3000:
                break
        return x
    largest, smallest = root(trace), root(mpf(0))
    assert smallest / largest > mpf(10) ** -2500, "more digits are needed"
    return [mp.sqrt(largest), mp.sqrt(square / largest / smallest), mp.sqrt(smallest)]


json.dump({"made_by": f"numpy {np.__version__}, mpmath {mpmath.__version__}", "short": short(), "long": long()}, sys.stdout, indent=1)
