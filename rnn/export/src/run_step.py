#!/usr/bin/env python3
"""Runs a program that `rnn export` wrote for XLA: on CPU, GPU or TPU, whatever JAX finds. Needs `pip install jax`.

    python3 run_step.py FOLDER/step [UPDATES]       trains: results that are next values become arguments
    python3 run_step.py FOLDER/gradient             runs once, and prints what comes out
    python3 run_step.py FOLDER/step 50 --process 0 2 HOST:PORT
                                                    as process 0 of 2, each with its share of the devices: start one on
                                                    each host, with the address of the first

It reads step.mlir, step.json (what goes in and comes out, in order) and step.safetensors (a value for each argument). It
writes step.out.safetensors with the results. Of a program for several devices each works on its rows of the batch; where
JAX finds no GPU or TPU, they are threads of the CPU. In a program of your own: `load` gives a function of arrays for
`jax.jit`.
"""
import argparse, dataclasses, json, os, pathlib, sys, time
try:
    import numpy as np
    import jax
    from jax import export
    from jax.sharding import Mesh, NamedSharding, PartitionSpec
except ImportError as missing:
    sys.exit(print(f"{missing}: {sys.executable or 'python3'} -m pip install jax") or 3)

jax.config.update("jax_enable_x64", True)  # every array below says what it is; without this f64 and seeds are cut short

CODES = {"F32": np.float32, "F64": np.float64, "I32": np.int32, "U64": np.uint64, "BOOL": np.bool_}


def about(stem):
    """What step.json says of the program."""
    return json.loads(pathlib.Path(stem).with_suffix(".json").read_text())


def load(stem):
    """The program as a function that jax.jit takes, and what step.json says of it."""
    said = about(stem)
    spec = lambda a: jax.ShapeDtypeStruct(a["shape"], np.dtype(a["dtype"]))
    given, results = [[spec(a) for a in said[key]] for key in ("arguments", "results")]
    # Documented JAX runs exported functions: so a stand-in of the same types is exported, and its text replaced by ours.
    stand_in = jax.jit(lambda *_: tuple(jax.numpy.zeros(r.shape, r.dtype) for r in results), keep_unused=True)
    backend = {"gpu": "cuda"}.get(jax.default_backend(), jax.default_backend())
    exported = export.export(stand_in, platforms=[backend])(*given)
    module = artifact(pathlib.Path(stem).with_suffix(".mlir").read_text(), said["devices"])
    return dataclasses.replace(exported, mlir_module_serialized=module, nr_devices=said["devices"]).call, said


def artifact(text, devices):
    """What older versions of JAX want in the text's place. Only newer ones run programs for several devices."""
    if devices > 1:
        return text.encode()
    from jaxlib.mlir.dialects import stablehlo
    return stablehlo.serialize_portable_artifact_str(text, stablehlo.get_current_version())


def mesh(devices, process=0, processes=1, address=None):
    """The devices, of this process and of the others."""
    if devices % processes:
        sys.exit(f"{devices} devices cannot be shared out over {processes} processes")
    jax.config.update("jax_num_cpu_devices", devices // processes)
    if address:
        jax.distributed.initialize(address, num_processes=processes, process_id=process)
    if jax.device_count() < devices:
        sys.exit(f"the program is for {devices} devices, and JAX finds {jax.device_count()}: export it for as many")
    return Mesh(np.array(jax.devices()[:devices]), ("data",))


def sharding(mesh, array):
    """An array of step.json over the devices: cut along its batch, or whole on each."""
    axes = ["data" if axis == array["batch_axis"] else None for axis in range(len(array["shape"]))]
    return NamedSharding(mesh, PartitionSpec(*axes if mesh.size > 1 else []))


def whole(array):
    """All of an array, wherever it is."""
    if array.is_fully_addressable or array.is_fully_replicated:
        return np.asarray(array.addressable_data(0) if array.is_fully_replicated else array)
    from jax.experimental import multihost_utils
    return multihost_utils.process_allgather(array, tiled=True)


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


def serve(devices):
    """For `rnn train --engine xla`: loads programs and runs them, as lines on the input ask; arrays are raw bytes."""
    ask, say = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    tell = lambda text: (say.write(f"{text}\n".encode()), say.flush())
    jax.config.update("jax_num_cpu_devices", devices)
    if jax.device_count() < devices:
        return tell(f"devices {jax.device_count()}")
    loaded = {}
    tell(f"ready {jax.default_backend()}")
    for line in ask:
        word, stem = line.decode().rstrip("\n").split(" ", 1)
        try:
            if word == "load":
                call, said = load(stem)
                over = Mesh(np.array(jax.devices()[:said["devices"]]), ("data",))
                into, out_of = [tuple(sharding(over, a) for a in said[key]) for key in ("arguments", "results")]
                loaded[stem] = jax.jit(call, in_shardings=into, out_shardings=out_of), said, into
                tell("ok")
                continue
            if word == "unload":
                del loaded[stem]
                tell("ok")
                continue
            step, said, into = loaded[stem]
            sizes = [np.dtype(a["dtype"]).itemsize * int(np.prod(a["shape"], dtype=int)) for a in said["arguments"]]
            arrays = [np.frombuffer(ask.read(n), a["dtype"]).reshape(a["shape"]) for n, a in zip(sizes, said["arguments"])]
            results = [np.asarray(r) for r in step(*map(jax.device_put, arrays, into))]
        except Exception as error:
            tell(f"{type(error).__name__}: {error}".splitlines()[0])
            continue
        tell("ok")
        for result in results:
            say.write(np.ascontiguousarray(result).tobytes())
        say.flush()


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("stem", metavar="FOLDER/NAME", nargs="?")
    words.add_argument("updates", type=int, nargs="?", default=1)
    words.add_argument("--process", nargs=3, default=[0, 1, None], metavar=("I", "OF", "HOST:PORT"))
    words.add_argument("--serve", type=int, metavar="DEVICES", help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.serve:
        return serve(given.serve)
    if not given.stem:
        words.error("which program? FOLDER/NAME, without an ending")
    process, processes, address = int(given.process[0]), int(given.process[1]), given.process[2]
    devices = mesh(about(given.stem)["devices"], process, processes, address)
    call, said = load(given.stem)
    names, results = [[a["name"] for a in said[key]] for key in ("arguments", "results")]
    into, out_of = [tuple(sharding(devices, a) for a in said[key]) for key in ("arguments", "results")]
    values = read(pathlib.Path(given.stem).with_suffix(".safetensors"))
    # Each process holds its own devices' rows alone.
    put = lambda a, to: jax.make_array_from_callback(a.shape, to, lambda rows: a[rows])
    arguments = {name: put(values[name], to) for name, to in zip(names, into)}
    next_of = {r["name"]: r["of"] for r in said["results"] if r["role"] == "next"}
    say = print if process == 0 else lambda _: None
    lowered = jax.jit(call, in_shardings=into, out_shardings=out_of).lower(*arguments.values())
    clock, processor = time.perf_counter(), time.process_time()
    step = lowered.compile()
    took = time.perf_counter() - clock, time.process_time() - processor
    say(f"compiled in {took[0]:.1f} s, {took[1]:.1f} s of processor time")
    for update in range(given.updates):
        found = dict(zip(results, step(*arguments.values())))
        arguments.update({of: found[name] for name, of in next_of.items()})
        if next_of and (update + 1) % max(1, given.updates // 10) == 0:
            say(f"update {update + 1}: loss {float(whole(found['loss'])):.6g}")
    out = {of: arguments[of] for of in next_of.values()} | {r: found[r] for r in results if r not in next_of}
    out = {name: whole(a) for name, a in out.items()}
    if process == 0:
        write(pathlib.Path(given.stem).with_suffix(".out.safetensors"), out)
    for name in [] if next_of else results:
        say(f"{name}: {out[name].dtype}{list(out[name].shape)}, norm {float(np.linalg.norm(out[name].astype(float))):.6g}")


if __name__ == "__main__":
    main()
