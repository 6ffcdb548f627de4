"""Reports: what a diagnosis found."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from . import _fanin, html
from .files import Rules, _lines


class Report(html.Page):
    """What is wrong with a model before it is trained, and everything that was measured."""

    def __init__(self, data: dict[str, Any], text: str, page: str, healthy: bool) -> None:
        super().__init__(text, page)
        self.data, self.is_healthy = data, healthy

    @property
    def findings(self) -> list[dict[str, Any]]:
        """What is wrong, gravest first: name, place, number, healthy range, and what mends it."""
        return self.data["findings"]

    @property
    def weights(self) -> list[dict[str, Any]]:
        """One row for each parameter: what it should hold, and what it holds."""
        return self.data["weights"]

    @property
    def layers(self) -> list[dict[str, Any]]:
        """One row for each layer: its signals forward and backward, measured and predicted."""
        return self.data["layers"]

    @property
    def loss(self) -> dict[str, Any] | None:
        """The loss where training starts, beside that of an uninformed answer."""
        return self.data["loss"]

    def to_pandas(self, what: str = "layers") -> Any:
        """The rows of ``layers``, ``weights`` or ``findings``, as a ``pandas.DataFrame``."""
        import pandas

        return pandas.DataFrame(self.data[what])

    def __bool__(self) -> bool:
        return self.is_healthy



def made(parts: tuple[str, str, str, bool]) -> Report:
    """A report as the native part gives it."""
    data, text, page, healthy = parts
    return Report(json.loads(data), text, page, healthy)


def diagnose_file(
    model: str | os.PathLike[str],
    *,
    data: str | None = None,
    task: str | None = None,
    plan: str | os.PathLike[str] | None = None,
    recipe: str | None = None,
    options: Mapping[str, Any] | Sequence[str] = (),
    set: Rules = (),
    say: Rules = (),
    memory: int | None = None,
    seed: int | None = None,
    batch: int | None = None,
    weights_only: bool = False,
) -> Report:
    """What is wrong with a model file before it is trained; the arguments are those of ``fanin diagnose``."""
    args = [os.fspath(model)]
    said = {"data": data, "task": task, "plan": plan, "recipe": recipe, "memory": memory, "seed": seed, "batch": batch}
    for name, value in said.items():
        args += [] if value is None else [f"--{name}", str(value)]
    args += [f"--with={line}" for line in _lines(options)] + [f"--set={line}" for line in _lines(set)]
    args += [f"--say={line}" for line in _lines(say)]
    args += ["--weights-only"] if weights_only else []
    return made(_fanin.diagnose(args))
