"""Writes checkpoint.safetensors beside itself: a checkpoint saved from Python, with torch 2.15 and safetensors 0.8.

With a path to a checkpoint of an LSTM saved by the crate, loads it into torch.nn.LSTM instead and prints it.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

lstm = torch.nn.LSTM(2, 1)
if len(sys.argv) > 1:
    tensors = load_file(sys.argv[1])
    lstm.load_state_dict({name: t for name, t in tensors.items() if "/" not in name})
    print({name: t for name, t in lstm.state_dict().items()})
    print({name: t for name, t in tensors.items() if "/" in name})
else:
    tensors = {name: torch.arange(t.numel(), dtype=torch.float32).view(t.shape) for name, t in lstm.state_dict().items()}
    tensors["optim/step"] = torch.tensor(3.0)
    metadata = {"rnn.format": "1", "rnn.config": '{"hidden": 1}', "rnn.progress": "null"}
    save_file(tensors, Path(__file__).with_name("checkpoint.safetensors"), metadata)
