#!/usr/bin/env bash
# @tensorflow/tfjs 4.22.0 (backend "cpu"); Node 20.
#
# Believed: tf.grad(tf.grad(f)) either is the second derivative of f or is refused with an error.
# Happens:  it is silently something else where f has tanh, sigmoid or exp in it. Their gradients are
#   written with the saved OUTPUT of the op, which is a constant for the outer derivative, so every
#   term that goes through it is left out. tanh alone is refused ("Cannot compute gradient"), but as
#   soon as another path leads to x, a number comes back. sin, sqrt and softplus are right.
#   So curvature, gradient penalties or second-order checks of a recurrent net are wrong here.
#
# Seen:
#   x tanh x       tfjs 1.269   difference of first derivatives 0.732
#   x sigmoid x    tfjs 0.443   difference of first derivatives 0.391
#   exp(x^2)       tfjs 3.265   difference of first derivatives 6.465
#   tanh, 3 steps  tfjs 0.863   difference of first derivatives 0.687
#   x sin x        tfjs 1.079   difference of first derivatives 1.079
#   x softplus x   tfjs 1.492   difference of first derivatives 1.492
#   tanh x         refused with an error
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
cd "$d"
npm install --silent --ignore-scripts @tensorflow/tfjs@4.22.0
cat > run.js <<'JS'
const tf = require('@tensorflow/tfjs');

// One weight w = x, used at each of three steps: h <- tanh(w h + 0.1).
const recurrent = x => { let h = tf.scalar(0.2); for (let t = 0; t < 3; t++) h = tf.tanh(h.mul(x).add(0.1)); return h; };
const cases = [
  ['x tanh x', x => x.mul(tf.tanh(x)), true],
  ['x sigmoid x', x => x.mul(tf.sigmoid(x)), true],
  ['exp(x^2)', x => tf.exp(tf.square(x)), true],
  ['tanh, 3 steps', recurrent, true],
  ['x sin x', x => x.mul(tf.sin(x)), false],
  ['x softplus x', x => x.mul(tf.softplus(x)), false],
];
const at = 0.7, step = 1e-2;
(async () => {
  await tf.setBackend('cpu');
  let same = true;
  for (const [name, f, lost] of cases) {
    const first = x => tf.grad(f)(tf.scalar(x)).arraySync();
    const second = tf.grad(y => tf.grad(f)(y))(tf.scalar(at)).arraySync();
    const expected = (first(at + step) - first(at - step)) / (2 * step);
    console.log(`${name.padEnd(14)} tfjs ${second.toFixed(3)}   difference of first derivatives ${expected.toFixed(3)}`);
    same &&= (Math.abs(second - expected) > 0.03) === lost;
  }
  let refused = false;
  try { tf.grad(y => tf.grad(x => tf.tanh(x))(y))(tf.scalar(at)); } catch { refused = true; }
  console.log(`tanh x         ${refused ? 'refused with an error' : 'a number'}`);
  process.exit(same && refused ? 0 : 1);
})();
JS
node run.js 2>&1 | sed -n '/ tfjs \|^tanh x/p'
exit "${PIPESTATUS[0]}"
