"""Runs the frameworks' own tests of their initializers, as they are, with fanin's functions in place of theirs.

    python python/tests/suites.py keras                         # in the installed package
    python python/tests/suites.py torch test/nn/test_init.py    # in a checkout of torch's sources
    python python/tests/suites.py jax tests/nn_test.py          # in a checkout of JAX's sources

Nothing of the suites is part of this repository. At the end it says how often fanin made values: a suite that never asked it
has proved nothing, and fails.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import fanin
import pytest
from fanin import _fanin


def counted() -> list[int]:
    """How often values are made from now on."""
    count, fill = [0], _fanin.fill

    def counting(*args: Any, **options: Any) -> None:
        count[0] += 1
        fill(*args, **options)

    _fanin.fill = counting
    return count


def put(owners: list[Any], names: list[str], ours: Any) -> int:
    """Puts fanin's functions where the framework has its own, under every name by which they are reached."""
    replaced = 0
    for owner in owners:
        for name in names:
            if hasattr(owner, name) and callable(getattr(ours, name, None)):
                setattr(owner, name, getattr(ours, name))
                replaced += 1
    return replaced


def torch_suite(path: str) -> list[str]:
    """``test/nn/test_init.py`` of torch."""
    import fanin.torch.init
    from torch.nn import init

    names = [name for name in dir(fanin.torch.init) if name.islower() and not name.startswith("_")]
    put([init], [name for name in names if name != "calculate_gain"], fanin.torch.init)
    return [path]


def keras_suite(path: str | None = None) -> list[str]:
    """``keras/src/initializers/*_initializers_test.py``, which the package ships."""
    import fanin.keras
    import keras
    from keras.src import initializers

    # What their tests take from a file that the package leaves out.
    own = types.ModuleType("conftest")
    own.skip_if_backend = lambda backend, reason: pytest.mark.skipif(keras.backend.backend() == backend, reason=reason)
    sys.modules["conftest"] = own
    owners = [keras.initializers, initializers, initializers.random_initializers, initializers.constant_initializers]
    put(owners, fanin.keras.__all__, fanin.keras)
    table = initializers.ALL_OBJECTS_DICT
    table |= {name: getattr(fanin.keras, own.__name__, own) for name, own in table.items()}
    folder = Path(path or initializers.__file__).resolve()
    folder = folder if folder.is_dir() else folder.parent
    return [str(file) for file in sorted(folder.glob("*_initializers_test.py"))]


def jax_suite(path: str) -> list[str]:
    """The initializers' tests in ``tests/nn_test.py`` of JAX."""
    import fanin.jax
    from jax import nn

    put([nn.initializers], fanin.jax.initializers.__all__, fanin.jax)
    # Refusals have words of their own, which that one test compares.
    return [path, "-k", "NNInitializersTest and not testVarianceScalingError"]


if __name__ == "__main__":
    suite = {"torch": torch_suite, "keras": keras_suite, "jax": jax_suite}[sys.argv[1]]
    chosen, count = suite(*sys.argv[2:]), counted()
    sys.argv = sys.argv[:1]
    code = pytest.main(["-q", "-p", "no:cacheprovider", *chosen])
    print(f"fanin {fanin.__version__} made values {count[0]} times")
    raise SystemExit(code if count[0] else "fanin was never asked")
