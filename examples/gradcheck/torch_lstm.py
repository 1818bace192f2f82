"""A PyTorch LSTM with a backward pass of one's own for tanh, in float32.

    rnn gradcheck --program 'python examples/gradcheck/torch_lstm.py'
    rnn gradcheck --program 'python examples/gradcheck/torch_lstm.py 1.0001'   # times what it should be
"""

import sys

import torch

from lines import serve

torch.manual_seed(0)
torch.set_num_threads(1)
FACTOR = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
T, N, D, H = 6, 3, 3, 4


class Tanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.tanh(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        return dy * (1 - y * y) * FACTOR


parameters = {
    "W": 0.5 * torch.randn(4 * H, D),
    "U": 0.5 * torch.randn(4 * H, H),
    "b": 0.3 * torch.randn(4 * H),
}
x = torch.randn(T, N, D)


def forward(p):
    h = c = torch.zeros(N, H)
    for t in range(T):
        i, f, g, o = (x[t] @ p["W"].T + h @ p["U"].T + p["b"]).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * Tanh.apply(c)
    return (h**2).sum()


def tensors(p, **how):
    return {name: torch.as_tensor(value, dtype=torch.float32).clone().requires_grad_(**how) for name, value in p.items()}


def loss(p):
    with torch.no_grad():
        return forward(tensors(p, requires_grad=False)).item()


def gradient(p):
    p = tensors(p)
    forward(p).backward()
    return {name: value.grad.numpy() for name, value in p.items()}


serve({name: value.numpy() for name, value in parameters.items()}, loss, gradient)
