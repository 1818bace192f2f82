"""Answers the questions of `rnn gradcheck --program`, for a loss and a gradient in Python. Copy it beside your program.

    from lines import serve
    serve(parameters, loss, gradient)

`parameters` is a dict of NumPy arrays, numbers or nested lists, `loss(parameters)` a number, and `gradient(parameters)` a dict of
arrays like it. More keywords go into the first answer: precision="float32", typical={...}, lower={...}, upper={...}.
"""

import json
import sys


def serve(parameters, loss, gradient, **more):
    def listed(arrays):
        return {name: array.tolist() if hasattr(array, "tolist") else array for name, array in arrays.items()}

    def like(own, given):
        if hasattr(own, "dtype"):
            import numpy

            return numpy.asarray(given, dtype=own.dtype)
        return given

    for line in sys.stdin:
        question = json.loads(line)
        try:
            at = {name: like(own, question["at"][name]) for name, own in parameters.items()} if "at" in question else parameters
            if question["ask"] == "loss":
                answer = {"loss": float(loss(at))}
            elif "at" in question:
                answer = {"gradient": listed(gradient(at))}
            else:
                answer = {"parameters": listed(parameters), "gradient": listed(gradient(at)), "again": True, **more}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
