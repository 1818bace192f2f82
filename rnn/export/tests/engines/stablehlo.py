"""Runs every module of a folder and compares its results with those that stand beside it.

    python stablehlo.py FOLDER interpreter|xla TOLERANCE

NAME.mlir is the module, NAME.safetensors its arguments `argument 0`, .. and the results `result 0`, .. that are expected.
`interpreter` is the reference interpreter of StableHLO, the specification executed; it comes with jaxlib. `xla` is XLA
for the CPU. A result may differ by TOLERANCE times its largest element, or 1 if that is larger.
"""
import os, pathlib, sys

# What is compared are numbers, not speed: LLVM need not optimise.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
try:
    import numpy as np
    import jax
    from jax.extend import backend
    from jaxlib.mlir import ir
    from jaxlib.mlir.dialects import stablehlo
    from jax._src.interpreters import mlir
except ImportError as missing:
    sys.exit(print(f"{missing}: pip install -r rnn/export/tests/engines/requirements.txt") or 3)

from arrays import arrays, compare

folder, engine, tolerance = pathlib.Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
jax.config.update("jax_enable_x64", True)


def literal(a, ty):
    if a.dtype == bool:
        return ir.DenseElementsAttr.get([ir.BoolAttr.get(bool(x)) for x in a.flat], ir.RankedTensorType(ty))
    return ir.DenseElementsAttr.get(a, type=ir.RankedTensorType(ty).element_type, shape=a.shape)


def interpret(text, arguments):
    with mlir.make_ir_context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        inputs = module.body.operations[0].type.inputs
        literals = [literal(np.array(a, order="C"), t) for a, t in zip(arguments, inputs)]
        return [np.array(result) for result in stablehlo.eval_module(module, literals)]


def compiled(text, arguments):
    from jax._src.lib import _jax, xla_client
    cpu = backend.get_backend("cpu")
    device = cpu.local_devices()[0]
    program = cpu.compile_and_load(text, executable_devices=_jax.DeviceList((device,)), compile_options=xla_client.CompileOptions())
    results = program.execute_sharded([jax.device_put(a, device) for a in arguments])
    return [np.asarray(shards[0]) for shards in results.disassemble_into_single_device_arrays()]


run = {"interpreter": interpret, "xla": compiled}[engine]
sys.exit(compare(folder, ".mlir", tolerance, lambda path, given: run(path.read_text(), given)))
