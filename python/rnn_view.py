"""Pages of recurrent nets in a notebook: `import rnn_view; rnn_view.show("lstm", steps=5)`.

It calls the program `rnn`, which must be on the path (`cargo install --path rnn/cli`), or named by the environment variable
RNN. Nothing else is needed. A page is one HTML text; in a notebook it is shown in a frame of its own.
"""

import html
import json
import os
import pathlib
import subprocess
import tempfile


def _flags(options):
    flags = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            flags.append(flag)
        elif value is not None and value is not False:
            flags += [flag, str(value)]
    return flags


def _run(arguments, ending):
    """What the program writes into a file with that ending."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "out" + ending)
        command = [os.environ.get("RNN", "rnn"), *arguments, "--output", str(path)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise RuntimeError(run.stderr.strip())
        return path.read_text(encoding="utf-8")


class Page:
    """A page. In a notebook it shows itself; `save` writes it to a file."""

    def __init__(self, text, width, height, embed):
        self.text, self.width, self.height, self.embed = text, width, height, embed

    def _repr_html_(self):
        # A frame has no address of its own, so the page is told in its text to be a picture alone.
        text = self.text.replace("<body>", '<body class="embed">', 1) if self.embed else self.text
        return (
            f'<iframe srcdoc="{html.escape(text)}" width="{self.width}" height="{self.height}" '
            'style="border:1px solid #ccc;border-radius:8px" sandbox="allow-scripts allow-downloads"></iframe>'
        )

    def save(self, path):
        pathlib.Path(path).write_text(self.text, encoding="utf-8")


def show(cell="lstm", steps=5, width="100%", height=640, embed=False, **options):
    """The page of a cell (a name, or a file of equations); options are flags of `rnn graph`: layers=2, tbptt=3."""
    arguments = ["graph", "--cell", str(cell), "--steps", str(steps), *_flags(options)]
    return Page(_run(arguments, ".html"), width, height, embed)


def study(width="100%", height=640, embed=False, **options):
    """The page of a net on data; options are flags of `rnn study`: checkpoint="s.safetensors", sentence="I love RNNs"."""
    return Page(_run(["study", *_flags(options)], ".html"), width, height, embed)


def numbers(**options):
    """All nodes of a net on data, by name, with their values: {"l0/h[3]": [[...]], "∂l0/h[3]": ...}."""
    graph = json.loads(_run(["study", *_flags(options)], ".json"))
    return {node["name"]: node.get("value") for node in graph["nodes"]}


def bptt(**options):
    """What `rnn bptt` finds, as a dictionary: matrix, decay, stretch, shares."""
    return json.loads(_run(["bptt", *_flags(options)], ".json"))
