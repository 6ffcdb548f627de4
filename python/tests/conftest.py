"""Which backend Keras has in the tests, where the environment does not say."""

import importlib.util
import os

# TensorFlow and the Triton of torch bring an LLVM each: in one process, the second one to be loaded aborts it.
_BACKENDS = [name for name in ("jax", "torch") if importlib.util.find_spec(name) is not None]
if _BACKENDS:
    os.environ.setdefault("KERAS_BACKEND", _BACKENDS[0])
