"""References of the cells of `rnn/cells/literature`: PyTorch's autograd, float64, on the CPU.

Usage: python literature.py OUT_DIR [NAME ...]

Each step is written here from its paper, with matrices where the file has columns and loops, so that the two can
disagree. What a file holds, `make.py` says.
"""
import json
import math
import pathlib
import sys

import torch
from torch.nn.functional import gelu, silu, softplus

from make import CELLS, reference

FOLDER = CELLS / "literature"
sigmoid, tanh, exp, cat = torch.sigmoid, torch.tanh, torch.exp, torch.cat


def outer(a, b):
    return torch.einsum("bi,bj->bij", a, b)


def read(S, q):
    return torch.einsum("bij,bj->bi", S, q)


def columns(s, name, k):
    return torch.stack([s[f"{name}_{j}"] for j in range(1, k + 1)], -1)


def apart(S, name):
    return {f"{name}_{j + 1}": S[..., j] for j in range(S.shape[-1])}


def slstm(w, x, s):
    gate = lambda k: w(f"W_{k}", x) + w(f"R_{k}", s["h"]) + w[f"b_{k}"]
    i, log_f = gate("i"), torch.log(sigmoid(gate("f"))) + s["m"]
    m = torch.maximum(i, log_f)
    c = exp(log_f - m) * s["c"] + exp(i - m) * tanh(gate("z"))
    n = exp(log_f - m) * s["n"] + exp(i - m)
    h = sigmoid(gate("o")) * c / n
    return h, {"h": h, "c": c, "n": n, "m": m}


def mlstm(w, x, s):
    """Without the stabiliser, exp(m) would stand before C and n: they are what the paper's eq. 19 and 20 hold."""
    scalar = lambda k: w(f"w_{k}", x) + w[f"b_{k}"]
    part = lambda k: w(f"W_{k}", x) + w[f"b_{k}"]
    i, log_f = scalar("i"), torch.log(sigmoid(scalar("f"))) + s["m"]
    m = torch.maximum(i, log_f)
    q, k, v = part("q"), part("k") / 4**0.5, part("v")
    C = exp(log_f - m)[..., None] * columns(s, "C", 4) + exp(i - m)[..., None] * outer(v, k)
    n = exp(log_f - m) * s["n"] + exp(i - m) * k
    h = sigmoid(part("o")) * read(C, q) / torch.maximum((n * q).sum(1, keepdim=True).abs(), exp(-m))
    return h, {**apart(C, "C"), "n": n, "m": m}


def gla(w, x, s):
    q, k, v = w("W_q", x), w("W_k", x), w("W_v", x)
    alpha = sigmoid(w("W_b", w("W_a", x)) + w["b"]) ** (1 / 16)
    S = columns(s, "S", 4) * alpha[:, None, :] + outer(v, k)
    y = read(S, q)
    y = y / torch.sqrt((y**2).mean(1, keepdim=True) + 1e-5)
    return w("W_o", y * silu(w("W_r", x) + w["b_r"])), apart(S, "S")


def hgrn2(w, x, s):
    f = sigmoid(w("W_f", x) + w["b_f"])
    S = columns(s, "S", 4) * f[:, None, :] + outer(w("W_v", x), 1 - f)
    y = read(S, silu(w("W_q", x)))
    return w("W_o", w["g"] * y / torch.sqrt((y**2).mean(1, keepdim=True) + 1e-5)), apart(S, "S")


def retnet(w, x, s, t):
    """Queries and keys as complex numbers, turned by exp(i t angle); of their product, the real part counts."""
    turn = exp(1j * t * torch.tensor([1.0, 10000**-0.5], dtype=torch.float64))
    pair = lambda a: torch.complex(a[:, :2], a[:, 2:]) * turn
    real = lambda a: cat([a.real, a.imag], 1)
    S = (1 - 1 / 32) * columns(s, "S", 4) + outer(w("W_v", x), real(pair(w("W_k", x) / 4**0.5)))
    y = read(S, real(pair(w("W_q", x))))
    y = torch.nn.functional.layer_norm(y, y.shape[1:], eps=1e-5)
    return w("W_o", silu(w("W_g", x)) * y), apart(S, "S")


def gated_deltanet(w, x, s):
    unit = lambda a: a / torch.sqrt((a**2).sum(1, keepdim=True) + 1e-6)
    q, k, v = unit(silu(w("W_q", x))) / 4**0.5, unit(silu(w("W_k", x))), silu(w("W_v", x))
    alpha = exp(-exp(w["A_log"]) * softplus(w("w_a", x) + w["dt"]))[..., None]
    beta = sigmoid(w("w_b", x))[..., None]
    eye = torch.eye(4, dtype=torch.float64)
    S = alpha * columns(s, "S", 4) @ (eye - beta * outer(k, k)) + beta * outer(v, k)
    y = read(S, q)
    y = w["g"] * y / torch.sqrt((y**2).mean(1, keepdim=True) + 1e-5)
    return w("W_o", y * silu(w("W_g", x))), apart(S, "S")


def mamba(w, x, s):
    v = w("W_in", x)
    past = [v] + [s["v" if j == 1 else f"v-{j}"] for j in (1, 2, 3)]
    u = silu(w["b_k"] + sum(w[f"k_{j}"] * past[j] for j in range(4)))
    delta = softplus(w("W_dt", w("W_r", u)) + w["b_dt"])[..., None]
    A = -exp(torch.stack([w[f"A_log_{j}"] for j in range(1, 5)], -1))
    old = torch.stack([s[f"s_{j}"] for j in range(1, 5)], -1)
    new = exp(delta * A) * old + delta * outer(u, w("W_B", u))
    y = read(new, w("W_C", u)) + w["D"] * u
    h = w("W_out", y * silu(w("W_z", x)))
    return h, {**apart(new, "s"), "v": v, "v-2": s["v"], "v-3": s["v-2"]}


def rg_lru(w, x, s):
    u = w("W_u", x) + w["b_u"]
    past = [u] + [s["u" if j == 1 else f"u-{j}"] for j in (1, 2, 3)]
    v = w["b_k"] + sum(w[f"k_{j}"] * past[j] for j in range(4))
    r, i = sigmoid(w("W_a", v) + w["b_a"]), sigmoid(w("W_i", v) + w["b_i"])
    a = sigmoid(-w["a_param"]) ** (8 * r)
    y = a * s["y"] + torch.sqrt(1 - a**2) * (i * v)
    h = w("W_o", y * gelu(w("W_g", x) + w["b_g"])) + w["b_o"]
    return h, {"y": y, "u": u, "u-2": s["u"], "u-3": s["u-2"]}


def rwkv_4(w, x, s):
    mix = lambda k: x * w[f"mu_{k}"] + s["x"] * (1 - w[f"mu_{k}"])
    k, v, r = w("W_k", mix("k")), w("W_v", mix("v")), sigmoid(w("W_r", mix("r")))
    now = torch.maximum(s["p"], w["u"] + k)
    old, new = exp(s["p"] - now), exp(w["u"] + k - now)
    wkv = (old * s["a"] + new * v) / (old * s["b"] + new)
    p = torch.maximum(s["p"] - exp(w["decay"]), k)
    old, new = exp(s["p"] - exp(w["decay"]) - p), exp(k - p)
    a, b = old * s["a"] + new * v, old * s["b"] + new
    return w("W_o", r * wkv), {"p": p, "a": a, "b": b, "x": x}


def rwkv_7(w, x, s):
    mix = lambda k: x + w[f"mu_{k}"] * (s["x"] - x)
    r, p, v = w("W_r", mix("r")), w("W_k", mix("k")), w("W_v", mix("v"))
    decay = exp(-math.exp(-0.5) * sigmoid(w("W_w", tanh(w("V_w", mix("w")))) + w["b_w"]))
    a = sigmoid(w("W_a", w("V_a", mix("a"))) + w["b_a"])
    n = torch.nn.functional.normalize(p * w["s_n"], dim=1)
    k = p * (1 + (a - 1) * w["s_a"])
    S = columns(s, "S", 4)
    S = S @ (torch.diag_embed(decay) - outer(n, n * a)) + outer(v, k)
    y = read(S, r) + (r * k * w["s_r"]).sum(1, keepdim=True) * v
    return w("W_o", y * w("W_g", sigmoid(w("V_g", mix("g"))))), {**apart(S, "S"), "x": x}


def lru(w, x, s):
    eigenvalue = exp(torch.complex(-exp(w["nu"]), exp(w["theta"])))
    h = eigenvalue * torch.complex(s["r"], s["i"]) + exp(w["gamma"]) * torch.complex(w("B_r", x), w("B_i", x))
    y = w("C_r", h.real) - w("C_i", h.imag) + w("D", x)
    return y, {"r": h.real, "i": h.imag}


def cfc(w, x, s):
    z = 1.7159 * tanh(0.666666666666666666 * (w("W", x) + w("U", s["h"]) + w["b"]))
    g, n = tanh(w("W_g", z) + w["b_g"]), tanh(w("W_n", z) + w["b_n"])
    s = sigmoid(w("W_a", z) + w["b_a"] + w("W_t", z) + w["b_t"])
    h = g + s * (n - g)
    return h, {"h": h}


def ltc(w, x, s):
    h, dt = s["h"], 1 / 6
    for _ in range(6):
        f = sigmoid(w("W", x) + w("U", h) + w["b"])
        h = (h + dt * f * w["A"]) / (1 + dt * (softplus(w["rate"]) + f))
    return h, {"h": h}


def unicornn(w, x, s):
    z = s["z"] - 0.1 * sigmoid(w["c"]) * (tanh(w["w"] * s["y"] + w("V", x) + w["b"]) + s["y"])
    y = s["y"] + 0.1 * sigmoid(w["c"]) * z
    return y, {"y": y, "z": z}


class Spike(torch.autograd.Function):
    """A step, with the gradient of a fast sigmoid."""

    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return (u > 1).double()

    @staticmethod
    def backward(ctx, grad):
        (u,) = ctx.saved_tensors
        return grad / (1 + 10 * (u - 1).abs()) ** 2


def lif(w, x, s):
    i = 0.9 * s["i"] + w("W", x) + w("V", s["s"])
    u = (0.8 * s["u"] + i) * (1 - s["s"].detach())
    return u, {"u": u, "i": i, "s": Spike.apply(u)}


def lmu(w, x, s):
    """Voelker et al. 2019, eq. 2, its i and j from 0."""
    A = torch.tensor([[(2 * i + 1) * (-1.0 if i < j else (-1.0) ** (i - j + 1)) for j in range(4)] for i in range(4)])
    B = torch.tensor([(2 * i + 1) * (-1.0) ** i for i in range(4)])
    u = w("e_x", x) + w("e_h", s["h"]) + w("e_m", s["m"])
    m = s["m"] + (s["m"] @ A.double().T + B.double() * u) / 32
    h = tanh(w("W_x", x) + w("W_h", s["h"]) + w("W_m", m))
    return h, {"h": h, "m": m}


def cells():
    """Name, step, sizes of the states, shapes of the parameters, input, hidden, lengths."""
    I, H, K = 3, 5, 4
    four = lambda name, size=H: {f"{name}_{j}": size for j in range(1, 5)}
    matrices = lambda names, rows, columns: {name: [rows, columns] for name in names.split()}
    vectors = lambda names, size: {name: [size] for name in names.split()}

    gates = matrices("W_i W_f W_z W_o", H, I) | matrices("R_i R_f R_z R_o", H, H) | vectors("b_i b_f b_z b_o", H)
    yield "slstm", slstm, {"h": H, "c": H, "n": H, "m": H}, gates, I, H, [5, 3]
    parts = matrices("W_q W_k", K, I) | matrices("W_v W_o", H, I) | vectors("b_q b_k", K) | vectors("b_v b_o", H)
    parts |= matrices("w_i w_f", 1, I) | vectors("b_i b_f", 1)
    yield "mlstm", mlstm, {**four("C"), "n": K, "m": 1}, parts, I, H, [4, 5]
    heads = matrices("W_q W_k", K, I) | matrices("W_v", H, I) | matrices("W_o", H, H)
    more = matrices("W_a", 2, I) | matrices("W_b", K, 2) | matrices("W_r", H, I) | vectors("b", K) | vectors("b_r", H)
    yield "gla", gla, four("S"), heads | more, I, H, [4, 2]
    more = matrices("W_f W_q", K, I) | matrices("W_v", H, I) | matrices("W_o", H, H) | vectors("b_f", K) | vectors("g", H)
    yield "hgrn2", hgrn2, four("S"), more, I, H, [4, 2]
    yield "retnet", retnet, four("S"), heads | matrices("W_g", H, I), I, H, [4, 3]
    more = matrices("w_a w_b", 1, I) | matrices("W_g", H, I) | vectors("g", H) | vectors("A_log dt", 1)
    yield "gated-deltanet", gated_deltanet, four("S"), heads | more, I, H, [4, 2]
    block = matrices("W_in W_z", H, I) | matrices("W_r", 2, H) | matrices("W_dt", H, 2) | matrices("W_B W_C", 4, H)
    block |= matrices("W_out", H, H) | vectors("D b_dt b_k k_0 k_1 k_2 k_3 A_log_1 A_log_2 A_log_3 A_log_4", H)
    yield "mamba", mamba, {**four("s"), "v": H, "v-2": H, "v-3": H}, block, I, H, [5, 3]
    block = matrices("W_u W_g", H, I) | matrices("W_a W_i W_o", H, H)
    block |= vectors("b_u b_k b_a b_i b_g b_o k_0 k_1 k_2 k_3 a_param", H)
    yield "rg-lru", rg_lru, {"y": H, "u": H, "u-2": H, "u-3": H}, block, I, H, [5, 3]
    block = matrices("W_k W_v W_r W_o", H, H) | vectors("mu_k mu_v mu_r u decay", H)
    yield "rwkv-4", rwkv_4, {"p": H, "a": H, "b": H, "x": H}, block, H, H, [4, 2]
    block = matrices("W_r W_k", K, I) | matrices("W_v", H, I) | matrices("V_w V_a V_g", 8, I) | matrices("W_w W_a", K, 8)
    block |= matrices("W_g", H, 8) | matrices("W_o", H, H) | vectors("mu_r mu_w mu_a mu_k mu_v mu_g", I)
    block |= vectors("b_w b_a s_n s_a s_r", K)
    yield "rwkv-7", rwkv_7, {**four("S"), "x": I}, block, I, H, [4, 3]
    block = matrices("B_r B_i D", H, I) | matrices("C_r C_i", H, H) | vectors("nu theta gamma", H)
    yield "lru", lru, {"r": H, "i": H}, block, I, H, [4, 2]
    block = matrices("W", H, I) | matrices("U W_g W_n W_a W_t", H, H) | vectors("b b_g b_n b_a b_t", H)
    yield "cfc", cfc, {"h": H}, block, I, H, [4, 2]
    block = matrices("W", H, I) | matrices("U", H, H) | vectors("b A rate", H)
    yield "ltc", ltc, {"h": H}, block, I, H, [3, 2]
    yield "unicornn", unicornn, {"y": H, "z": H}, matrices("V", H, I) | vectors("w b c", H), I, H, [4, 2]
    yield "lif", lif, {"u": H, "i": H, "s": H}, matrices("W", H, I) | matrices("V", H, H), I, H, [6, 3]
    block = matrices("e_x", 1, I) | matrices("e_h", 1, H) | matrices("e_m", 1, K)
    block |= matrices("W_x", H, I) | matrices("W_h", H, H) | matrices("W_m", H, K)
    yield "lmu", lmu, {"h": H, "m": K}, block, I, H, [4, 2]


if __name__ == "__main__":
    folder, wanted = pathlib.Path(sys.argv[1]), sys.argv[2:]
    for name, step, *rest in cells():
        if not wanted or name in wanted:
            torch.manual_seed(7)
            text = (FOLDER / f"{name}.cell").read_text()
            (folder / f"{name}.json").write_text(json.dumps(reference(text, step, *rest)) + "\n")
