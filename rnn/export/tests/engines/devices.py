"""Runs every module of a folder on several devices of the CPU, by the driver that stands beside exported programs, and
compares its results with those that stand beside it.

    python devices.py FOLDER TOLERANCE

See `stablehlo.py` for what stands beside.
"""
import json, os, pathlib, sys

os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
sys.path.insert(0, str(pathlib.Path(__file__).parent / "../../src"))
import run_step
import jax
from arrays import compare

folder = pathlib.Path(sys.argv[1])
devices = max(json.loads(path.read_text())["devices"] for path in folder.glob("*.json"))
mesh = run_step.mesh(devices)


def run(path, given):
    call, about = run_step.load(path)
    into, out_of = [tuple(run_step.sharding(mesh, a) for a in about[key]) for key in ("arguments", "results")]
    put = lambda a, to: jax.make_array_from_callback(a.shape, to, lambda rows: a[rows])
    results = jax.jit(call, in_shardings=into, out_shardings=out_of)(*map(put, given, into))
    return [run_step.whole(r) for r in results]


sys.exit(compare(folder, ".mlir", float(sys.argv[2]), run))
