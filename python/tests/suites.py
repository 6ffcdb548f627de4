"""Runs the frameworks' own tests of their initializers with fanin's functions in place of theirs.

    python python/tests/suites.py keras                     # in the installed package
    python python/tests/suites.py torch test/nn/test_init.py    # in a checkout of torch's sources
    python python/tests/suites.py jax tests/nn_test.py          # in a checkout of JAX's sources

Nothing of the suites is part of this repository.
"""

from __future__ import annotations

import runpy
import sys
import types
from pathlib import Path


def torch_suite(path: str) -> None:
    """``test/nn/test_init.py`` of torch."""
    import fanin.torch.init
    from torch.nn import init

    for name in dir(fanin.torch.init):
        if hasattr(init, name) and callable(getattr(init, name)) and not name.startswith("_") and name.islower():
            setattr(init, name, getattr(fanin.torch.init, name))
    sys.argv = [path]
    runpy.run_path(path, run_name="__main__")


def keras_suite(path: str | None = None) -> None:
    """``keras/src/initializers/*_test.py``, which the package ships."""
    import keras
    import pytest
    from keras.src import initializers

    import fanin.keras as ours

    # What their tests take from a file that the package leaves out.
    own = types.ModuleType("conftest")
    own.skip_if_backend = lambda backend, reason: pytest.mark.skipif(keras.backend.backend() == backend, reason=reason)
    sys.modules["conftest"] = own
    folder = Path(path or initializers.__file__).resolve()
    folder = folder if folder.is_dir() else folder.parent
    for module in (initializers.random_initializers, initializers.constant_initializers):
        for name in ours.__all__:
            if isinstance(getattr(module, name, None), type):
                setattr(module, name, getattr(ours, name))
    raise SystemExit(pytest.main(["-q", "-p", "no:cacheprovider", *map(str, sorted(folder.glob("*_initializers_test.py")))]))


def jax_suite(path: str) -> None:
    """The initializers' tests in ``tests/nn_test.py`` of JAX."""
    import pytest
    from jax import nn

    import fanin.jax as ours

    for name in ours.initializers.__all__:
        if hasattr(nn.initializers, name):
            setattr(nn.initializers, name, getattr(ours, name))
    # Refusals have words of their own, which that one test compares.
    chosen = "NNInitializersTest and not testVarianceScalingError"
    raise SystemExit(pytest.main(["-q", "-p", "no:cacheprovider", "-k", chosen, path]))


if __name__ == "__main__":
    {"torch": torch_suite, "keras": keras_suite, "jax": jax_suite}[sys.argv[1]](*sys.argv[2:])
