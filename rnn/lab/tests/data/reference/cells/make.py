"""References of cells that are given as equations: PyTorch's autograd, float64, on the CPU.

Usage: python make.py OUT_DIR [NAME ...]      mgu, lstm-peephole, lstm-projection and second-order if no name is given

Each cell stands here twice, as the text that the program reads and as a step written with torch, so that the two can
disagree. A file holds the sizes, the parameters by their names in the text, x and the initial states, what the steps
give for sequences of unequal lengths, a random cotangent for every output and last state, the loss that these weigh, and
its gradients. A sequence that has ended gives 0 and keeps its states. `h-2` is what h was two steps ago.
"""
import json
import pathlib
import sys

import torch

sigmoid, tanh = torch.sigmoid, torch.tanh
CELLS = pathlib.Path(__file__).resolve().parents[5] / "cells"

SECOND_ORDER = """# An Elman net that remembers two steps, with an output of its own size
cell second-order
  size m = hidden + 1
  h[t] = tanh(W x[t] + U h[t-1] + V h[t-2] + b)
  y[t] = Q h[t] + q
  output y
  param Q: [m, hidden]
"""


class Weights(dict):
    """Parameters by name; `w("W", x)` is W x for each row of x."""

    def __call__(self, name, x):
        return torch.einsum("ij,bj->bi", self[name], x)


def mgu(w, x, s):
    f = sigmoid(w("W_f", x) + w("U_f", s["h"]) + w["b_f"])
    n = tanh(w("W_n", x) + w("U_n", f * s["h"]) + w["b_n"])
    h = (1 - f) * s["h"] + f * n
    return h, {"h": h}


def peephole(w, x, s):
    gate = lambda k: w(f"W_x{k}", x) + w(f"W_h{k}", s["h"]) + w[f"b_{k}"]
    i = sigmoid(gate("i") + w["w_ci"] * s["c"])
    f = sigmoid(gate("f") + w["w_cf"] * s["c"])
    c = f * s["c"] + i * tanh(gate("c"))
    h = sigmoid(gate("o") + w["w_co"] * c) * tanh(c)
    return h, {"h": h, "c": c}


def projection(w, x, s):
    gate = lambda k: w(f"W_{k}x", x) + w(f"W_{k}r", s["r"]) + w[f"b_{k}"]
    i = sigmoid(gate("i") + w["w_ic"] * s["c"])
    f = sigmoid(gate("f") + w["w_fc"] * s["c"])
    c = f * s["c"] + i * tanh(gate("c"))
    o = sigmoid(gate("o") + w["w_oc"] * c)
    r = w("W_rm", o * tanh(c))
    return r, {"r": r, "c": c}


def second_order(w, x, s):
    h = tanh(w("W", x) + w("U", s["h"]) + w("V", s["h-2"]) + w["b"])
    return w("Q", h) + w["q"], {"h": h, "h-2": s["h"]}


def cells():
    """Name: text, step, sizes of the states, shapes of the parameters, input, hidden, lengths."""
    shipped = lambda name: (CELLS / f"{name}.cell").read_text()
    I, H = 3, 4
    both = {f"{m}_{k}": [H, n] for k in "fn" for m, n in (("W", I), ("U", H))}
    yield "mgu", shipped("mgu"), mgu, {"h": H}, both | {"b_f": [H], "b_n": [H]}, I, H, [6, 4, 2]
    I, H = 2, 5
    gates = {f"W_{a}{k}": [H, n] for k in "ifco" for a, n in (("x", I), ("h", H))} | {f"b_{k}": [H] for k in "ifco"}
    gates |= {f"w_c{k}": [H] for k in "ifo"}
    yield "lstm-peephole", shipped("lstm-peephole"), peephole, {"h": H, "c": H}, gates, I, H, [3, 7, 1, 5]
    I, H, P = 3, 6, 3
    gates = {f"W_{k}{a}": [H, n] for k in "ifco" for a, n in (("x", I), ("r", P))} | {f"b_{k}": [H] for k in "ifco"}
    gates |= {f"w_{k}c": [H] for k in "ifo"} | {"W_rm": [P, H]}
    yield "lstm-projection", shipped("lstm-projection"), projection, {"r": P, "c": H}, gates, I, H, [2, 5]
    I, H, M = 2, 3, 4
    square = {"W": [H, I], "U": [H, H], "V": [H, H], "b": [H], "Q": [M, H], "q": [M]}
    yield "second-order", SECOND_ORDER, second_order, {"h": H, "h-2": H}, square, I, H, [5, 1, 4]


def reference(text, step, states, shapes, inputs, hidden, lengths):
    time, batch = max(lengths), len(lengths)
    random = lambda *shape: torch.randn(*shape, dtype=torch.float64)
    leaf = lambda value: value.requires_grad_(True)
    w = Weights({name: leaf(random(*shape) * shape[-1] ** -0.5) for name, shape in shapes.items()})
    running = torch.arange(time)[:, None, None] < torch.tensor(lengths)[None, :, None]
    x = leaf(random(time, batch, inputs) * running)
    initial = {name: leaf(random(batch, size)) for name, size in states.items()}
    now, outputs = initial, []
    for t in range(time):
        number = [t + 1] if step.__code__.co_argcount == 4 else []
        output, new = step(w, x[t], now, *number)
        outputs.append(torch.where(running[t], output, 0.0))
        now = {name: torch.where(running[t], new[name], now[name]) for name in states}
    output = torch.stack(outputs)
    v_output, v_final = random(*output.shape), {name: random(batch, size) for name, size in states.items()}
    loss = (output * v_output).sum() + sum((now[name] * v_final[name]).sum() for name in states)
    loss.backward()
    lists = lambda tensors: {name: tensor.tolist() for name, tensor in tensors.items()}
    slopes = lambda leaves: {name: tensor.grad.tolist() for name, tensor in leaves.items()}
    return {
        "cell": text, "input": inputs, "hidden": hidden, "time": time, "batch": batch, "lengths": lengths,
        "weights": lists(w), "x": x.tolist(), "initial": lists(initial),
        "output": output.tolist(), "final": lists(now), "v_output": v_output.tolist(), "v_final": lists(v_final),
        "loss": loss.item(), "grad": {"weights": slopes(w), "x": x.grad.tolist(), "initial": slopes(initial)},
        "torch": torch.__version__,
    }


if __name__ == "__main__":
    folder, wanted = pathlib.Path(sys.argv[1]), sys.argv[2:]
    for name, *cell in cells():
        if not wanted or name in wanted:
            torch.manual_seed(7)
            (folder / f"{name}.json").write_text(json.dumps(reference(*cell)) + "\n")
