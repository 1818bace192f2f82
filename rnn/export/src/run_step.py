#!/usr/bin/env python3
"""Runs a program that `rnn export` wrote for XLA: on CPU, GPU or TPU, whatever JAX finds. Needs `pip install jax`.

    python run_step.py FOLDER/step [UPDATES]        trains: results that are next values become arguments
    python run_step.py FOLDER/gradient              runs once, and prints what comes out

It reads step.mlir, step.json (what goes in and comes out, in order) and step.safetensors (a value for each argument). It
writes step.out.safetensors with the results. In a program of your own: `load` gives a function of arrays for `jax.jit`.
"""
import dataclasses, json, pathlib, sys
try:
    import numpy as np
    import jax
    from jax import export
except ImportError as missing:
    sys.exit(print(f"{missing}: pip install jax") or 3)

jax.config.update("jax_enable_x64", True)  # every array below says what it is; without this f64 and seeds are cut short

CODES = {"F32": np.float32, "F64": np.float64, "I32": np.int32, "U64": np.uint64, "BOOL": np.bool_}


def load(stem):
    """The program as a function that jax.jit takes, and what step.json says of it."""
    stem = pathlib.Path(stem)
    about = json.loads(stem.with_suffix(".json").read_text())
    spec = lambda a: jax.ShapeDtypeStruct(a["shape"], np.dtype(a["dtype"]))
    given, results = [[spec(a) for a in about[key]] for key in ("arguments", "results")]
    # Documented JAX runs exported functions: so a stand-in of the same types is exported, and its text replaced by ours.
    stand_in = jax.jit(lambda *_: tuple(jax.numpy.zeros(r.shape, r.dtype) for r in results), keep_unused=True)
    backend = {"gpu": "cuda"}.get(jax.default_backend(), jax.default_backend())
    exported = export.export(stand_in, platforms=[backend])(*given)
    return dataclasses.replace(exported, mlir_module_serialized=artifact(stem.with_suffix(".mlir").read_text())).call, about


def artifact(text):
    """What older versions of JAX want in the text's place."""
    from jaxlib.mlir.dialects import stablehlo
    return stablehlo.serialize_portable_artifact_str(text, stablehlo.get_current_version())


def read(path):
    """Arrays of a safetensors file by name."""
    raw = pathlib.Path(path).read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    header = {name: e for name, e in json.loads(raw[8:start]).items() if name != "__metadata__"}
    part = lambda e: np.frombuffer(raw[start + e["data_offsets"][0]:start + e["data_offsets"][1]], CODES[e["dtype"]])
    return {name: part(e).reshape(e["shape"]) for name, e in header.items()}


def write(path, arrays):
    """A safetensors file of arrays by name."""
    header, data = {}, b""
    for name, a in arrays.items():
        code = next(code for code, dtype in CODES.items() if a.dtype == dtype)
        header[name] = {"dtype": code, "shape": a.shape, "data_offsets": [len(data), len(data) + a.nbytes]}
        data += np.array(a, order="C").tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pathlib.Path(path).write_bytes(len(text).to_bytes(8, "little") + text + data)


def main(stem, updates=1):
    call, about = load(stem)
    names, results = [[a["name"] for a in about[key]] for key in ("arguments", "results")]
    values = read(pathlib.Path(stem).with_suffix(".safetensors"))
    arguments = {name: jax.numpy.asarray(values[name]) for name in names}
    next_of = {r["name"]: r["of"] for r in about["results"] if r["role"] == "next"}
    step = jax.jit(call)
    for update in range(updates):
        found = dict(zip(results, step(*arguments.values())))
        arguments.update({of: found[name] for name, of in next_of.items()})
        if next_of and (update + 1) % max(1, updates // 10) == 0:
            print(f"update {update + 1}: loss {float(found['loss']):.6g}")
    out = {of: arguments[of] for of in next_of.values()} | {r: found[r] for r in results if r not in next_of}
    write(pathlib.Path(stem).with_suffix(".out.safetensors"), {name: np.asarray(a) for name, a in out.items()})
    for name in [] if next_of else results:
        print(f"{name}: {found[name].dtype}{list(found[name].shape)}, norm {float(np.linalg.norm(np.asarray(found[name], float))):.6g}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:3])) if len(sys.argv) > 1 else __doc__)
