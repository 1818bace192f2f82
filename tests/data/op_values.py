"""Values of every op by NumPy and SciPy, for tests/op_values.rs.

    python -m venv venv && venv/bin/pip install numpy scipy
    venv/bin/python tests/data/op_values.py > tests/data/op_values.json

Operands are numbers of single precision, so that one table serves both precisions. `size` is what the rounding
error of an element is measured by, if not by the element itself: the sum of the magnitudes that were added up.
"""

import json

import numpy as np
from scipy import special

rng = np.random.default_rng(1)
cases = []


def reals(*shape, low=-2.0, high=2.0):
    return rng.uniform(low, high, shape).astype(np.float32).astype(np.float64)


def write(array):
    array = np.asarray(array)
    kind = {"f": "float", "i": "index", "b": "bool"}[array.dtype.kind]
    return {"kind": kind, "shape": list(array.shape), "data": array.ravel().tolist()}


def case(op, operands, result, size=None, **attributes):
    cases.append({
        "op": op,
        "attributes": attributes,
        "operands": [write(x) for x in operands],
        "result": write(result),
        "size": None if size is None else np.broadcast_to(size, np.shape(result)).ravel().tolist(),
    })


# Functions of one operand, on small, large and special arguments.
line = np.array([-30.0, -9.5, -3.0, -1.0, -0.25, -1e-3, -0.0, 0.0, 1e-3, 0.25, 0.5, 1.0, 3.0, 9.5, 30.0])
line = line.astype(np.float32).astype(np.float64)
above = np.array([1e-6, 0.01, 0.3, 0.99, 1.0, 1.01, 2.0, 7.0, 1e6]).astype(np.float32).astype(np.float64)
away = line[np.abs(line) > 0.1]
case("neg", [line], -line)
case("exp", [line], np.exp(line))
case("ln", [above], np.log(above))
case("sqrt", [above], np.sqrt(above))
case("tanh", [line], np.tanh(line))
case("sigmoid", [line], special.expit(line))
case("relu", [line], np.maximum(line, 0.0))
case("softplus", [line], np.logaddexp(0.0, line))
case("abs", [line], np.abs(line))
case("sin", [line], np.sin(line))
case("cos", [line], np.cos(line))
case("reciprocal", [away], 1.0 / away)
for n in [-3, -1, 0, 1, 2, 3, 7]:
    case("powi", [away], away ** float(n), n=n)
case("stop_gradient", [line], line)

# Two operands, with broadcasting in both directions.
for a, b in [(reals(3, 4), reals(3, 4)), (reals(3, 1), reals(4)), (reals(), reals(2, 3)), (reals(2, 1, 4), reals(3, 1))]:
    b = np.where(np.abs(b) < 0.1, 0.5, b)
    case("add", [a, b], a + b, size=np.abs(a) + np.abs(b))
    case("sub", [a, b], a - b, size=np.abs(a) + np.abs(b))
    case("mul", [a, b], a * b)
    case("div", [a, b], a / b)
    case("modulo", [a, b], a - b * np.floor(a / b), size=np.abs(a) + np.abs(b * np.floor(a / b)))
    case("max", [a, b], np.maximum(a, b))
    case("min", [a, b], np.minimum(a, b))
    for name in ["less", "less_equal", "equal", "greater", "greater_equal", "not_equal"]:
        rounded = np.round(b), np.round(a)
        case(name, rounded, getattr(np, name)(*rounded), size=0.0)
    c = np.asarray(a > 0.3)
    case("select", [c, a, b], np.where(c, a, b))
a, b, c = reals(3, 1), reals(4), reals(2, 1, 1)
case("add", [a, b, c], a + b + c, size=np.abs(a) + np.abs(b) + np.abs(c))

# Matrix products, plain and in stacks.
shapes = [((3, 5), (5, 2)), ((1, 1), (1, 1)), ((2, 3, 5), (5, 4)), ((2, 1, 3, 5), (4, 5, 2)), ((3, 0), (0, 2))]
for ta in [False, True]:
    for tb in [False, True]:
        for sa, sb in shapes:
            a, b = reals(*sa), reals(*sb)
            result, size = a @ b, np.abs(a) @ np.abs(b)
            a = np.swapaxes(a, -1, -2) if ta else a
            b = np.swapaxes(b, -1, -2) if tb else b
            case("matmul", [a, b], result, size=size, a_transposed=ta, b_transposed=tb)

# Reductions.
x = reals(3, 4, 2)
for axes in [(), (0,), (1,), (2,), (0, 2), (0, 1, 2)]:
    case("sum", [x], x.sum(axis=axes), size=np.abs(x).sum(axis=axes), axes=list(axes))
    case("mean", [x], x.mean(axis=axes), size=np.abs(x).mean(axis=axes), axes=list(axes))
    case("reduce_max", [x], x.max(axis=axes), axes=list(axes))
case("sum", [reals(0, 3)], np.zeros(3), axes=[0])
for axis in range(3):
    for scale in [1.0, 100.0]:
        y = x * scale
        y = y.astype(np.float32).astype(np.float64)
        spread = np.abs(y).max(axis=axis)
        lse = special.logsumexp(y, axis=axis)
        case("logsumexp", [y], lse, size=1.0 + spread, axis=axis)
        # A difference of two logits rounds by the larger of them, and the exponential hands this on.
        wide = 1.0 + np.expand_dims(2.0 * spread, axis) + np.zeros(y.shape)
        case("softmax", [y], special.softmax(y, axis=axis), size=wide * special.softmax(y, axis=axis), axis=axis)
        case("log_softmax", [y], special.log_softmax(y, axis=axis), size=wide, axis=axis)

# Moves.
y = reals(3, 1)
case("broadcast", [y], np.broadcast_to(y, (2, 3, 4)), shape=[2, 3, 4])
case("reshape", [x], x.reshape(4, 6), shape=[4, 6])
case("transpose", [x], x.transpose(2, 0, 1), order=[2, 0, 1])
case("slice", [x], x[:, 1:3], axis=1, start=1, end=3)
case("slice", [x], x[:, :, 1:1], axis=2, start=1, end=1)
case("at", [x], x[:, 2], axis=1, place=2)
case("pad", [x], np.pad(x, [(0, 0), (2, 1), (0, 0)]), axis=1, before=2, after=1)
y, z = reals(3, 2, 2), reals(3, 0, 2)
case("concat", [x, y, z], np.concatenate([x, y, z], axis=1), axis=1)
y = reals(3, 4, 2)
for axis in range(4):
    case("stack", [x, y], np.stack([x, y], axis=axis), axis=axis)

# Rows by their numbers, some of them several times.
table, index = reals(4, 3), np.array([[1, 3, 1], [0, 1, 1]])
case("gather", [table, index], table[index])
rows = reals(2, 3, 5)
total, size = np.zeros((4, 5)), np.zeros((4, 5))
np.add.at(total, index, rows)
np.add.at(size, index, np.abs(rows))
case("scatter_add", [rows, index], total, size=size, rows=4)
case("one_hot", [index], np.eye(5)[index], classes=5)

# More functions of one operand.
case("erf", [line], special.erf(line))
case("tan", [line], np.tan(line))
case("atan", [line], np.arctan(line))
case("log1p", [above], np.log1p(above))
case("expm1", [line], np.expm1(line))
case("sinh", [line], np.sinh(line))
case("cosh", [line], np.cosh(line))

print("[")
print(",\n".join(json.dumps(c) for c in cases))
print("]")
