"""A trained classifier in onnxruntime, beside what `rnn predict --json` says of the same sentences.

    python sentences.py CHECKPOINT forward.onnx PREDICTED.jsonl

The numbers of the words are those of the checkpoint. Ends with 1 if a class is another or a probability is off by 1e-5,
with 3 if a package is missing.
"""
import json, pathlib, sys

try:
    import numpy as np
    import onnxruntime as ort
except ImportError as missing:
    sys.exit(print(f"{missing}: pip install -r rnn/export/tests/engines/requirements.txt") or 3)

raw = pathlib.Path(sys.argv[1]).read_bytes()
header = json.loads(raw[8:8 + int.from_bytes(raw[:8], "little")])
task = json.loads(header["__metadata__"]["rnn.config"])["task"]["sentiment"]
number = {word: k for k, word in enumerate(task["vocabulary"]["symbols"])}
unknown = number[task["vocabulary"]["unknown"]]

predicted = [json.loads(line) for line in pathlib.Path(sys.argv[3]).read_text().splitlines()]
# These sentences have no mark but the apostrophe: "don't" is "do n't", and "uncle's" is "uncle 's".
apart = lambda text: text.lower().replace("cannot", "can not").replace("n't", " n't").replace("'s", " 's").split()
sentences = [[number.get(word, unknown) for word in apart(p["sentence"])] for p in predicted]
lengths = np.array([len(s) for s in sentences], np.int32)
x = np.zeros((lengths.max(), len(sentences)), np.int64)
for k, sentence in enumerate(sentences):
    x[:len(sentence), k] = sentence

logits = ort.InferenceSession(sys.argv[2]).run(None, {"x": x, "lengths": lengths})[0].astype(float)
shares = np.exp(logits - logits.max(1, keepdims=True))
shares /= shares.sum(1, keepdims=True)
wanted = np.array([[p["probabilities"][c] for c in task["classes"]] for p in predicted])
classes = [task["classes"][k] for k in shares.argmax(1)]
others = sum(a != p["class"] for a, p in zip(classes, predicted))
worst = np.abs(shares - wanted).max()
print(f"{len(predicted)} sentences, {len(set(classes))} classes, {others} of another class, the worst off by {worst:.1e}")
sys.exit(1 if others or worst > 1e-5 or len(set(classes)) < 2 else 0)
