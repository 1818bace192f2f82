"""Arrays of a safetensors file, without a package for it, and the comparison that the engines share."""
import json, pathlib
import numpy as np

# Where results are badly conditioned, an engine in single precision may lose what rounding the arguments alone may lose,
# which stands beside their names; but no more than this.
ROUNDING = 2.5e-5

DTYPES = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8", "U64": "<u8", "BOOL": "?"}


def arrays(path):
    raw = pathlib.Path(path).read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:start])
    header.pop("__metadata__", None)
    cut = lambda a, b: raw[start + a:start + b]
    return {name: np.frombuffer(cut(*e["data_offsets"]), DTYPES[e["dtype"]]).reshape(e["shape"]) for name, e in header.items()}


def compare(folder, extension, tolerance, run):
    """The worst of all results, and every one that is beyond the tolerance; 1 if there is one, and 2 if there was nothing."""
    worst, wrong, count = 0.0, 0, 0
    for path in sorted(folder.glob("*" + extension)):
        all = arrays(path.with_suffix(".safetensors"))
        names = json.loads(path.with_suffix(".json").read_text())["results"]
        row = lambda word: [all[f"{word} {k}"] for k in range(sum(name.startswith(word) for name in all))]
        given, wanted = row("argument"), row("result")
        try:
            found = run(path, given)
        except Exception as error:
            print(f"{path.stem}: {type(error).__name__}: {error}"[:2000])
            wrong, count = wrong + 1, count + 1
            continue
        assert len(found) == len(wanted) == len(names), (len(found), len(wanted), len(names))
        for name, a, b in zip(names, found, wanted):
            count += 1
            if a.shape != b.shape or a.dtype != b.dtype:
                print(f"{path.stem}: {name['name']} is {a.dtype} {a.shape}, not {b.dtype} {b.shape}")
                wrong += 1
                continue
            a, b = a.astype(float), b.astype(float)
            # The same infinity is no difference, and neither is NaN on both sides.
            with np.errstate(invalid="ignore"):
                apart = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
            size = max(1.0, np.abs(b[np.isfinite(b)]).max(initial=0.0))
            error = float(np.nan_to_num(apart, nan=np.inf).max(initial=0.0)) / size
            worst = max(worst, error)
            if error > max(tolerance, min(name.get("rounding") or 0.0, ROUNDING)):
                print(f"{path.stem}: {name['name']} is off by {error:.1e}")
                wrong += 1
    print(f"{count} results, {wrong} wrong, the worst off by {worst:.1e}")
    return 1 if wrong else 0 if count else 2
