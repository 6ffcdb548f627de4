"""The examples in the documentation run."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["fanin", "fanin.arrays", "fanin.files", "fanin.methods"])
def test_examples_of_the_documentation(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0
