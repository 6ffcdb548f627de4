"""Every initialization method as a function of its arguments, made from fanin's own list.

A function gives a *call*: the method with its arguments, as text that plans, rules and :func:`fanin.fill` take. A call
can be called with an array.

>>> import fanin, numpy as np
>>> fanin.methods.he(fan="out")
he(fan=out)
>>> fanin.methods.orthogonal()(np.empty((4, 4), np.float32), name="w").shape
(4, 4)
"""

from __future__ import annotations

import inspect
import json
import sys
import types
from collections.abc import Iterator
from typing import Any

from . import _fanin


class Call(str):
    """A method with its arguments, as text: ``he(fan=out)``. Call it with an array to fill that (:func:`fanin.fill`)."""

    __slots__ = ()

    def __call__(self, array: Any, **options: Any) -> Any:
        from .arrays import fill

        return fill(array, self, **options)

    def __repr__(self) -> str:
        return str(self)


def call(name: str, /, **arguments: Any) -> Call:
    """The call of a method or of a framework's spelling, with its arguments: ``call("torch:xavier_normal_", gain=2)``.

    :raises fanin.Refused: if there is no such method, or it has no such argument.
    """
    given = {key: value for key, value in arguments.items() if value is not None}
    return Call(_fanin.written(name, json.dumps(given)))


def _made(about: dict[str, Any]) -> types.FunctionType:
    name, defaults = about["name"], about["defaults"]
    properties = about["schema"].get("properties", {})
    by_name = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(key, by_name, default=default) for key, default in defaults.items()]

    def method(**arguments: Any) -> Call:
        given = {key: value for key, value in arguments.items() if value != defaults.get(key, ...)}
        return call(name, **given)

    method.__name__ = method.__qualname__ = name
    method.__module__ = __name__
    method.__signature__ = inspect.Signature(parameters, return_annotation=Call)  # type: ignore[attr-defined]
    lines = [about["page"], "", f"Formula: {about['formula']}", f"Source: {about['source']}", ""]
    described = {key: " ".join(properties.get(key, {}).get("description", "").split()) for key in defaults}
    lines += [f":param {key}: {text}" for key, text in described.items()]
    method.__doc__ = "\n".join(lines)
    return method


class _Methods(types.ModuleType):
    """The module itself: it can be listed, asked for its length, and shown in a notebook."""

    def __call__(self) -> list[dict[str, Any]]:
        """What is known of every method."""
        return list(_KNOWN.values())

    def __iter__(self) -> Iterator[str]:
        return iter(_KNOWN)

    def __len__(self) -> int:
        return len(_KNOWN)

    def __getitem__(self, name: str) -> dict[str, Any]:
        return _KNOWN[name]

    def _repr_html_(self) -> str:
        from .html import table

        rows = [(name, about["formula"], about["when"]) for name, about in _KNOWN.items()]
        return table(["method", "formula", "when to choose it"], rows)


_KNOWN: dict[str, dict[str, Any]] = {about["name"]: about for about in json.loads(_fanin.methods())}
globals().update({name: _made(about) for name, about in _KNOWN.items()})
__all__ = ["Call", "call", *_KNOWN]
sys.modules[__name__].__class__ = _Methods
