"""Times whole epochs on sentences of all lengths: `rnn train sentiment` beside PyTorch with packed sequences.

    python -m venv peers && peers/bin/pip install torch numpy
    cargo build --release && peers/bin/python benches/peers/epochs.py --data reviews.tsv

An epoch is what a user waits for: batches of 32 in order of length, forward, backward, Adam, and the validation after it. Both
read the same file, keep the words that occur twice, embed them in 64 features and classify the last state. The time is that of
three epochs less that of one, so that neither start-up nor the first compilation counts; the contenders run in turns, and the
least of all rounds is printed.
"""

import argparse
import collections
import csv
import random
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BATCH, FEATURES, HIDDEN = 32, 64, 64
NETS = {"LSTM": (1, False), "LSTM, 2 layers, both directions": (2, True)}


def ours(arguments, layers: int, both: bool, epochs: int) -> float:
    """Seconds that `rnn train` takes."""
    command = [arguments.program, "train", "sentiment", "--data", arguments.data, "--cell", "lstm"]
    command += ["--hidden", HIDDEN, "--layers", layers, "--epochs", epochs, "--threads", arguments.threads]
    command += ["--bidirectional"] * both
    start = time.perf_counter()
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def sentences(path: Path) -> tuple[list[tuple[list[int], int]], int]:
    """Indices of words and the label of each sentence, in random order; and the number of words."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ","))[1:]
    split = [(re.findall(r"\w+|[^\w\s]", text.lower()), int(label)) for text, label in rows]
    counts = collections.Counter(word for words, _ in split for word in words)
    known = {word: i + 1 for i, word in enumerate(word for word, n in counts.items() if n > 1)}
    made = [([known.get(word, 0) for word in words], label) for words, label in split if words]
    random.Random(1).shuffle(made)
    return made, len(known) + 1


class Torch:
    """The same net as a user of PyTorch writes it."""

    def __init__(self, data: list[tuple[list[int], int]], words: int, layers: int, both: bool):
        import torch

        self.torch = torch
        cut = len(data) // 10
        self.parts = {"train": data[2 * cut :], "validation": data[:cut]}
        self.table = torch.nn.Embedding(words, FEATURES)
        self.layer = torch.nn.LSTM(FEATURES, HIDDEN, layers, bidirectional=both)
        self.head = torch.nn.Linear(HIDDEN * (1 + both), 2)
        modules = (self.table, self.layer, self.head)
        self.optimiser = torch.optim.Adam([weight for module in modules for weight in module.parameters()])

    def batches(self, part: str):
        """Batches of sentences of similar length, longest first within each, in random order."""
        data = sorted(self.parts[part], key=lambda sentence: len(sentence[0]))
        batches = [data[i : i + BATCH][::-1] for i in range(0, len(data), BATCH)]
        random.shuffle(batches)
        for batch in batches:
            rows = [self.torch.tensor(words) for words, _ in batch]
            yield self.torch.nn.utils.rnn.pack_sequence(rows), self.torch.tensor([label for _, label in batch])

    def loss(self, packed, labels):
        """The mean cross entropy of a batch."""
        x = packed._replace(data=self.table(packed.data))
        _, (h, _) = self.layer(x)
        last = self.torch.cat(list(h[-2:]), 1) if self.layer.bidirectional else h[-1]
        return self.torch.nn.functional.cross_entropy(self.head(last), labels)

    def epoch(self) -> float:
        """Seconds of an epoch and its validation."""
        start = time.perf_counter()
        for batch in self.batches("train"):
            self.optimiser.zero_grad()
            self.loss(*batch).backward()
            self.optimiser.step()
        with self.torch.no_grad():
            for batch in self.batches("validation"):
                self.loss(*batch)
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="TSV or CSV: a header, then sentences and labels 0 and 1")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/rnn")
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(arguments.threads)
    data, words = sentences(arguments.data)
    print(f"{len(data)} sentences, {words} words; seconds of an epoch", file=sys.stderr)
    print("| net | rnn, s | PyTorch packed, s | ratio |\n|---|--:|--:|--:|")
    for name, (layers, both) in NETS.items():
        peer = Torch(data, words, layers, both)
        times = []
        for _ in range(arguments.rounds):
            one, three = (ours(arguments, layers, both, epochs) for epochs in (1, 3))
            times.append(((three - one) / 2, min(peer.epoch(), peer.epoch())))
        mine, theirs = (min(found) for found in zip(*times))
        print(f"| {name} | {mine:.2f} | {theirs:.2f} | {mine / theirs:.2f} |", flush=True)


if __name__ == "__main__":
    main()
