"""Times a training step of `rnn` beside PyTorch and JAX, in turns, and prints the table with ratios.

    python -m venv peers && peers/bin/pip install torch jax numpy
    cargo build --release && peers/bin/python benches/peers/compare.py

In each round every contender runs for a moment, one after the other: so a busy machine slows all of them alike. The
table has each contender's least time of all rounds; the ratio of `rnn`'s to the fastest peer's; and, since the least
time says what the machine can do and not how often, the median over the rounds of the ratio of median steps.
Contenders that cannot run are named below the table.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))

from nets import CASES, PEERS  # noqa: E402


def peer(name: str, case: str, threads: int, pipe) -> None:
    """A process of its own: builds the net, then times steps whenever it is told for how long."""
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()}"
    try:
        if name.startswith("PyTorch"):
            import torch

            torch.set_num_threads(threads)
        step = PEERS[name](CASES[case])
        if step is None:
            pipe.send("no such layer")
            return
        for _ in range(3):
            step()
    except Exception as error:  # whatever keeps a peer from running is reported, not hidden
        pipe.send(f"{type(error).__name__}: {error}".splitlines()[0][:100])
        return
    pipe.send(None)
    while seconds := pipe.recv():
        times, end = [], time.perf_counter() + seconds
        while time.perf_counter() < end or len(times) < 3:
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        pipe.send((min(times) * 1e3, statistics.median(times) * 1e3))


def ours(program: Path, case: str, threads: int, seconds: float) -> tuple[float, float]:
    """The least and the median step of `rnn`, in milliseconds."""
    command = [program, "profile", "--case", case, "--threads", str(threads), "--seconds", str(seconds), "--json"]
    line = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return line["min_ms"], line["median_ms"]


def compare(case: str, arguments) -> tuple[dict[str, list[tuple[float, float]]], dict[str, str]]:
    """The least and the median step of each contender in each round, and why others could not run."""
    context = multiprocessing.get_context("spawn")
    running, missing = {}, {}
    for name in PEERS:
        here, there = context.Pipe()
        process = context.Process(target=peer, args=(name, case, arguments.threads, there), daemon=True)
        process.start()
        there.close()
        try:
            why = here.recv()
        except EOFError:
            why = "it ended"
        if why is None:
            running[name] = here
        else:
            missing[name] = why
    times = {name: [] for name in ["rnn", *running]}
    for _ in range(arguments.rounds):
        times["rnn"].append(ours(arguments.program, case, arguments.threads, arguments.seconds))
        for name, pipe in running.items():
            pipe.send(arguments.seconds)
            times[name].append(pipe.recv())
    for pipe in running.values():
        pipe.send(0)
    return times, missing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES), metavar="CASE")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each contender in each round")
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/rnn")
    arguments = parser.parse_args()
    names = list(PEERS)
    print(f"| case | rnn, ms | {', ms | '.join(names)}, ms | ratio of least | ratio of medians |")
    print("|---" * (len(names) + 4) + "|")
    notes = []
    for case in arguments.cases:
        times, missing = compare(case, arguments)
        least = {name: min(best for best, _ in found) for name, found in times.items()}
        medians = zip(*[[median for _, median in found] for found in times.values()])
        ratios = [mine / min(others) for mine, *others in medians if others]
        cells = [f"{least[name]:.3g}" if name in least else "–" for name in ["rnn", *names]]
        peers = [time for name, time in least.items() if name != "rnn"]
        summary = ["–", "–"]
        if peers:
            summary = [f"{least['rnn'] / min(peers):.2f}", f"{statistics.median(ratios):.2f}"]
        print(f"| {case} | {' | '.join(cells + summary)} |", flush=True)
        notes += [f"{case}: {name}: {why}" for name, why in missing.items() if why != "no such layer"]
    for note in notes:
        print(f"\nnot run: {note}", end="")
    print()


if __name__ == "__main__":
    main()
