#!/usr/bin/env python3
"""Counts the instructions of one gradient, by one thread: repeatable where times are not.

    benches/instructions.py             counts, and compares with benches/instructions.json
    benches/instructions.py --write     counts, and writes that file

Callgrind counts the whole program for few runs and for more; the difference is the runs alone. It knows no AVX-512, so the
path counted is that of AVX2. Needs valgrind. A count that grew by more than 1 % is an error.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
KNOWN = HERE / "instructions.json"
# Few runs and more of them, by the size of a case.
CASES = {
    "tiny-elman": (10, 110),
    "tiny-lstm": (10, 110),
    "char-elman": (2, 5),
    "char-lstm": (2, 5),
    "char-gru": (2, 5),
    "char-mgu": (2, 5),
}


def program():
    """The bench, built."""
    build = ["cargo", "bench", "-q", "-p", "bptt-tests", "--bench", "instructions", "--no-run", "--message-format=json"]
    lines = subprocess.run(build, cwd=HERE.parent, check=True, capture_output=True, text=True).stdout.splitlines()
    made = [json.loads(line) for line in lines if line.startswith("{")]
    return next(m["executable"] for m in made if m.get("target", {}).get("name") == "instructions" and m.get("executable"))


def count(path, case, runs):
    """The instructions of the whole program."""
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", path, case, str(runs)]
    said = subprocess.run(valgrind, check=True, capture_output=True, text=True).stderr
    return int(re.search(r"Collected : (\d+)", said)[1])


def main():
    path = program()
    found = {}
    known = json.loads(KNOWN.read_text()) if KNOWN.exists() else {}
    grown = []
    for case, (few, more) in CASES.items():
        found[case] = (count(path, case, more) - count(path, case, few)) // (more - few)
        before = known.get(case)
        ratio = f"× {found[case] / before:.3f}" if before else "new"
        print(f"{case:12} {found[case]:12,} instructions  {ratio}", flush=True)
        if before and found[case] > 1.01 * before:
            grown.append(case)
    if "--write" in sys.argv:
        KNOWN.write_text(json.dumps(found, indent=1) + "\n")
    elif grown:
        sys.exit(f"more instructions than before: {', '.join(grown)}")


if __name__ == "__main__":
    main()
