#!/usr/bin/env bash
# keras 3.15.1 (numpy backend, which imports jax 0.10.2 and scipy 1.17.1), numpy 2.4.6; Python 3.11.
#
# Believed: a seed makes a run repeatable; the two directions of Bidirectional and two layers that are
#   given seeded initialisers still start from different weights.
# Happens:  a seeded Keras 3 initialiser gives the SAME numbers at every call, for layers as for
#   directions: the backward half starts as a copy of the forward half, and the stacked layer of
#   equal shape as a copy of the first. keras.utils.set_random_seed alone does not do that.
#
# Seen:
#   seeded initialisers: forward and backward kernel equal True, recurrent kernel equal True
#   set_random_seed:     forward and backward kernel equal False, recurrent kernel equal False
set -eu
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
python3 -m pip install -q --no-compile --target "$d/p" keras==3.15.1 scipy==1.17.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
KERAS_BACKEND=numpy KERAS_HOME="$d" PYTHONPATH="$d/p" python3 -W ignore - <<'PY'
import keras, numpy as np
from keras import initializers, layers

def twins(**options):
    keras.utils.set_random_seed(0)
    both = layers.Bidirectional(layers.LSTM(3, **options), merge_mode="ave")
    both.build((None, 4, 2))
    return [bool((a == b).all()) for a, b in zip(both.forward_layer.get_weights()[:2], both.backward_layer.get_weights()[:2])]

seeded = twins(kernel_initializer=initializers.GlorotUniform(seed=7), recurrent_initializer=initializers.Orthogonal(seed=7))
plain = twins()
print(f"seeded initialisers: forward and backward kernel equal {seeded[0]}, recurrent kernel equal {seeded[1]}")
print(f"set_random_seed:     forward and backward kernel equal {plain[0]}, recurrent kernel equal {plain[1]}")
raise SystemExit(not (seeded == [True, True] and plain == [False, False]))
PY
