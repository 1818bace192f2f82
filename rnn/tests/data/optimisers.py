"""Writes optimisers.json: five steps of PyTorch's optimisers in f32, from given parameters and gradients.

Run with torch 2.15: python optimisers.py > optimisers.json
"""

import json

import torch

torch.manual_seed(3)
STEPS = 5
shapes = {"rnn.weight_hh_l0": (2, 3), "rnn.bias_hh_l0": (2,)}
start = {name: torch.randn(shape) for name, shape in shapes.items()}
gradients = [{name: 3 * torch.randn(shape) for name, shape in shapes.items()} for _ in range(STEPS)]
rates = [0.1, 0.05, 0.2, 0.1, 0.01]

CASES = [
    ("sgd", torch.optim.SGD, {}),
    ("sgd:weight_decay=0.1", torch.optim.SGD, dict(weight_decay=0.1)),
    ("sgd:momentum=0.9", torch.optim.SGD, dict(momentum=0.9)),
    ("sgd:momentum=0.9:weight_decay=0.1", torch.optim.SGD, dict(momentum=0.9, weight_decay=0.1)),
    ("sgd:momentum=0.9:weight_decay=0.1:nesterov", torch.optim.SGD, dict(momentum=0.9, weight_decay=0.1, nesterov=True)),
    ("adagrad", torch.optim.Adagrad, {}),
    ("adagrad:weight_decay=0.1:eps=0.01", torch.optim.Adagrad, dict(weight_decay=0.1, eps=0.01)),
    ("rmsprop", torch.optim.RMSprop, {}),
    ("rmsprop:alpha=0.9:weight_decay=0.1:eps=0.01", torch.optim.RMSprop, dict(alpha=0.9, weight_decay=0.1, eps=0.01)),
    ("rmsprop:momentum=0.9", torch.optim.RMSprop, dict(momentum=0.9)),
    ("rmsprop:momentum=0.9:weight_decay=0.1", torch.optim.RMSprop, dict(momentum=0.9, weight_decay=0.1)),
    ("adam", torch.optim.Adam, {}),
    ("adam:beta1=0.8:beta2=0.95:eps=0.01:weight_decay=0.1", torch.optim.Adam, dict(betas=(0.8, 0.95), eps=0.01, weight_decay=0.1)),
    ("adamw", torch.optim.AdamW, {}),
    ("adamw:beta1=0.8:beta2=0.95:eps=0.01:weight_decay=0.1", torch.optim.AdamW, dict(betas=(0.8, 0.95), eps=0.01, weight_decay=0.1)),
]


def plain(tensors):
    return {name: tensor.detach().tolist() for name, tensor in tensors.items()}


def run(method, optimiser, settings):
    parameters = {name: torch.nn.Parameter(tensor.clone()) for name, tensor in start.items()}
    optimiser = optimiser(parameters.values(), lr=1.0, foreach=False, **settings)
    trajectory = []
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = rates[step]
        for name, parameter in parameters.items():
            parameter.grad = gradients[step][name].clone()
        optimiser.step()
        trajectory.append(plain(parameters))
    state = {
        f"{kind}/{name}": tensor
        for name, parameter in parameters.items()
        for kind, tensor in optimiser.state[parameter].items()
        if kind != "step" and tensor is not None
    }
    return {"method": method, "trajectory": trajectory, "state": plain(state)}


print(
    json.dumps(
        {
            "torch": torch.__version__,
            "start": plain(start),
            "gradients": [plain(g) for g in gradients],
            "rates": rates,
            "cases": [run(*case) for case in CASES],
        }
    )
)
