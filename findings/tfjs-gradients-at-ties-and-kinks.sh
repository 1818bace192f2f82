#!/usr/bin/env bash
# @tensorflow/tfjs 4.22.0 (backend "cpu"); Node 20.
#
# Believed: TensorFlow.js differentiates as TensorFlow does: |x| has slope 0 at 0, a maximum over an
#   axis shares its gradient among equal elements, x^0 has slope 0.
# Happens:  d|x|/dx at 0 is -1; EVERY tied element gets the whole gradient (for [1, 1, 1] they sum to
#   3, no subgradient of the maximum); x^0 has slope NaN at 0. A relu net so trains alike in both, a
#   net with an L1 penalty or a max over time does not.
#
# Seen:
#   slope of abs at 0: -1
#   slope of relu at 0: 0
#   slope of max of [1, 1, 1]: 1 1 1
#   slope of maximum(x, 0) at 0: 1
#   slope of x^0 at 0: NaN
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
cd "$d"
npm install --silent --ignore-scripts @tensorflow/tfjs@4.22.0
cat > run.js <<'JS'
const tf = require('@tensorflow/tfjs');
const slope = (f, values) => Array.from(tf.grad(f)(tf.tensor1d(values)).dataSync());
(async () => {
  await tf.setBackend('cpu');
  const got = {
    'abs at 0': slope(x => tf.abs(x), [0]),
    'relu at 0': slope(x => tf.relu(x), [0]),
    'max of [1, 1, 1]': slope(x => tf.max(x), [1, 1, 1]),
    'maximum(x, 0) at 0': slope(x => tf.maximum(x, 0), [0]),
    'x^0 at 0': slope(x => tf.pow(x, 0), [0]),
  };
  const seen = { 'abs at 0': [-1], 'relu at 0': [0], 'max of [1, 1, 1]': [1, 1, 1], 'maximum(x, 0) at 0': [1], 'x^0 at 0': [NaN] };
  for (const name in got) console.log(`slope of ${name}: ${got[name].join(' ')}`);
  const same = Object.keys(seen).every(name => got[name].every((v, i) => Object.is(v, seen[name][i])));
  process.exit(same ? 0 : 1);
})();
JS
node run.js 2>&1 | sed -n '/^slope/p'
exit "${PIPESTATUS[0]}"
