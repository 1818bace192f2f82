"""The rows of gradcheckers.py as a table in Markdown: a line for each checker and precision.

    python tests/peers/faults_table.py faults.csv

`found` is said of a fault, `missed` if the checker was silent, `open` if it said that it cannot tell; of a right gradient
`silent`, `alarm` or `open`.
"""

import csv
import sys

HEAD = [
    "checker",
    "type",
    "faults found in cells",
    "alarms in right cells",
    "relu at kinks: right, sign",
    "saturated σ: right, sign, × 1.001",
    "1 of 10,000 wrong by 1 %",
    "seconds, 32 × 10",
]


def word(row):
    if row["flagged"] == "True":
        return "alarm" if row["fault"] == "none" else "found"
    if row["said"].startswith("inconclusive"):
        return "open"
    return "silent" if row["fault"] == "none" else "missed"


def line(checker, dtype, rows):
    cells = [r for r in rows if r["function"].startswith("tanh cell")]
    words = [word(r) for r in cells if r["fault"] != "none"]
    right = [word(r) for r in cells if r["fault"] == "none"]
    known = {(r["function"], r["fault"]): r for r in rows}
    of = lambda function, *faults: ", ".join(word(known[function, fault]) for fault in faults)
    count = lambda words, what: f"{words.count(what)} of {len(words)}" + (f", {words.count('open')} open" if "open" in words else "")
    return [
        checker,
        dtype.replace("float", "f"),
        count(words, "found"),
        count(right, "alarm"),
        of("relu at kinks", "none", "sign"),
        of("saturated sigmoid", "none", "sign", "scale 1.001"),
        of("sum of 10,000 sines", "one element 1 %"),
        f"{float(known['tanh cell 32 × 10', 'none']['seconds']):.2g}",
    ]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    checkers = list(dict.fromkeys((r["checker"], r["dtype"]) for r in rows))
    table = [HEAD, ["---"] * len(HEAD)]
    table += [line(c, d, [r for r in rows if (r["checker"], r["dtype"]) == (c, d)]) for d in ("float64", "float32") for c, e in checkers if d == e]
    for cells in table:
        print("| " + " | ".join(cells) + " |")


main()
