"""Plans: what every parameter of a model gets, and why."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from . import _fanin, html
from .arrays import Region, dtype_name, fill_array
from .errors import FileError, Problem, Refused

#: What to do with a tensor of another shape.
_WHOLE = "Make a plan for this model, on its whole tensors."


class Decision:
    """What one parameter gets, and why."""

    __slots__ = ("_facts", "_story")

    def __init__(self, facts: dict[str, Any], story: str) -> None:
        self._facts, self._story = facts, story

    @property
    def name(self) -> str:
        """Its name."""
        return self._facts["name"]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the whole tensor."""
        return tuple(self._facts["shape"])

    @property
    def dtype(self) -> str:
        """Element type: ``f32``, ``bf16``."""
        return self._facts["dtype"]

    @property
    def role(self) -> str:
        """What it is for: ``weight``, ``bias``, ``scale``."""
        return self._facts["role"]

    @property
    def action(self) -> str:
        """``fill``, ``keep`` or ``tie``."""
        return self._facts["action"]

    @property
    def call(self) -> str | None:
        """The method that draws it, with its arguments."""
        return self._facts["call"]

    @property
    def tied(self) -> str | None:
        """The parameter that its values follow."""
        tied = self._facts.get("tied")
        return tied and tied["to"]

    @property
    def std(self) -> float | None:
        """Standard deviation of an element."""
        return self._facts["std"]

    @property
    def variance(self) -> float | None:
        """Variance that the call gave."""
        return self._facts["variance"]

    @property
    def fan_in(self) -> float | None:
        """Connections into an output unit."""
        return self._facts["fan_in"]

    @property
    def fan_out(self) -> float | None:
        """Connections out of an input unit."""
        return self._facts["fan_out"]

    @property
    def key(self) -> str:
        """What the random values are keyed by."""
        return self._facts["key"]

    @property
    def lr(self) -> float | None:
        """Factor of the learning rate that the recipe asks for."""
        return self._facts.get("lr")

    @property
    def reasons(self) -> list[str]:
        """Why, in the order of the thought."""
        return [f"{reason['about']}: {reason['text']}" for reason in self._facts["reasons"]]

    def to_dict(self) -> dict[str, Any]:
        """Everything, as the plan's JSON has it."""
        return json.loads(json.dumps(self._facts))

    def __repr__(self) -> str:
        return self._story.rstrip()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self._story)}</pre>"


class Plan(Mapping[str, Decision]):
    """What every parameter of a model gets, and why: a mapping from names to decisions.

    A plan is plain data. It can be stored, read, edited, compared and applied again; two plans with the same ``id`` give
    the same values everywhere.
    """

    def __init__(self, core: _fanin.Plan, model: str = "") -> None:
        self._core, self._model = core, model
        self._names = core.names()

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Plan:
        """A plan from the file that :meth:`save`, or ``fanin plan -o``, wrote."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise _unreached(path, "load", error) from error
        return cls._read(os.fspath(path), text)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """A plan from its JSON."""
        return cls._read("text", text)

    @classmethod
    def _read(cls, what: str, text: str) -> Plan:
        plan, problems = cls(_fanin.Plan.from_json(what, text)), []
        owners: dict[str, str] = {}
        for decision in plan.to_dict()["decisions"]:
            if decision["action"] == "fill" and decision["std"]:
                other = owners.setdefault(decision["key"], decision["name"])
                if other != decision["name"]:
                    wrong = f"its key is that of `{other}`: both would hold the same random numbers"
                    remedy = f'Give it its own name as key, or tie it to `{other}`.'
                    problems.append((decision["name"], decision["call"], wrong, "a key of its own", remedy))
        if problems:
            raise Refused.of(problems)
        return plan

    def save(self, path: str | os.PathLike[str]) -> None:
        """Stores the plan: JSON with a decision a block, that ``fanin apply`` reads."""
        path = Path(path)
        partial = path.with_name(f".{path.name}.fanin-partial")
        try:
            partial.write_text(self.to_json(), encoding="utf-8")
            partial.replace(path)
        except OSError as error:
            raise _unreached(path, "save", error) from error

    def to_json(self) -> str:
        """The plan as JSON."""
        return self._core.to_json()

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits of everything that decides the values."""
        return self._core.id

    @property
    def seed(self) -> int:
        """The seed."""
        return self._core.seed

    @property
    def recipe(self) -> str:
        """Name of the recipe."""
        return self._core.recipe

    @property
    def warnings(self) -> list[str]:
        """What is odd but no error."""
        return self._core.warnings

    @property
    def unsure(self) -> list[str]:
        """What was taken for granted, with the option that settles each."""
        return self._core.unsure

    def keeps(self, name: str) -> bool:
        """Whether a tensor that the plan knows stays as it is."""
        return (self._core.facts(name) or ("keep",))[0] == "keep"

    def misfits(self, name: str, shape: Sequence[int] | None, asked: str = "fill", remedy: str = _WHOLE) -> list[Problem]:
        """Why a tensor is not the one that was planned: none, or one problem. ``shape`` is that of the whole tensor."""
        known = self._core.facts(name)
        if known is None:
            return [Problem(name, asked, "the plan says nothing of it", "a name of the plan", _nearest(name, self._names))]
        if shape is None or tuple(known[1]) == tuple(shape):
            return []
        return [Problem(name, asked, f"its shape is {list(shape)}", f"{known[1]}, as in the plan", remedy)]

    def fill(self, name: str, array: np.ndarray, region: Region = None) -> np.ndarray:
        """Fills ``array`` in place with the values of a parameter, or of a region of it, and returns it."""
        if problems := self.misfits(name, array.shape if region is None else None):
            raise Refused.of(problems)
        dtype = dtype_name(array.dtype)
        fill_array(array, lambda out: self._core.fill(name, out, dtype, region), name)
        return array

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain data."""
        return json.loads(self.to_json())

    def to_pandas(self) -> Any:
        """One row for each parameter, as a ``pandas.DataFrame``."""
        import pandas

        columns = ["name", "shape", "dtype", "role", "action", "call", "std", "fan_in", "fan_out", "reasons"]
        rows = [[getattr(decision, column) for column in columns] for decision in self.values()]
        return pandas.DataFrame(rows, columns=columns).set_index("name")

    def __getitem__(self, name: str) -> Decision:
        text = self._core.decision(name)
        if text is None:
            raise KeyError(name)
        return Decision(json.loads(text), self._core.story(name) or "")

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._core

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return self._core.table(self._model or "plan", False).rstrip()

    def __reduce__(self) -> tuple[Any, ...]:
        return (Plan.from_json, (self.to_json(),))

    def _repr_html_(self) -> str:
        decisions = list(self.values())
        most = max((decision.std or 0.0 for decision in decisions), default=0.0)
        drawn: list[tuple[Any, ...]] = []
        kept: list[tuple[Any, ...]] = []
        for decision in decisions:
            (kept if decision.action == "keep" else drawn).append(_row(decision, most))
        title = f"<p><b>{html.escape(self._model or 'plan')}</b> recipe {html.escape(self.recipe)}, seed {self.seed}, "
        shown = html.table(_COLUMNS, drawn)
        if kept:
            shown += html.folded(f"{len(kept)} tensors are kept", html.table(_COLUMNS, kept))
        unsure = f"<p>unsure</p>{_list(self.unsure)}" if self.unsure else ""
        return f"{title}{len(self)} tensors, plan {self.id}</p>{shown}{unsure}"


_COLUMNS = ["parameter", "shape", "role", "values", "std", "forward", "backward", "because"]
#: Reasons that say what comes of a decision, and not why it was made.
_CONSEQUENCES = ("formula", "forward", "backward", "lr")


def _row(decision: Decision, most: float) -> tuple[Any, ...]:
    """One parameter as a row of a notebook's table, its reasons below the one that decided."""
    values = decision.call or (f"as {decision.tied}" if decision.tied else "kept")
    factor = (decision._facts.get("adjust") or {}).get("factor", 1.0)
    values += "" if factor == 1.0 else f" × {factor:.4g}"
    reasons = decision._facts["reasons"]
    told = {reason["about"]: reason["text"] for reason in reasons}
    decisive = [f"{reason['about']}: {reason['text']}" for reason in reasons if reason["about"] not in _CONSEQUENCES]
    why = html.Raw(html.folded(decisive[-1] if decisive else "", _list(decision.reasons)))
    shape = "×".join(map(str, decision.shape)) or "scalar"
    signals = told.get("forward"), told.get("backward")
    return decision.name, shape, decision.role, values, html.bar(decision.std, most), *signals, why


def _list(lines: list[str]) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in lines) + "</ul>"


def _unreached(path: str | os.PathLike[str], asked: str, error: Exception) -> FileError:
    done = "read" if asked == "load" else "written"
    wrong = getattr(error, "strerror", None) or str(error)
    return FileError.of([(os.fspath(path), asked, f"the plan cannot be {done}: {wrong}", "a file of text", "Check the path.")])


def _nearest(name: str, names: Sequence[str]) -> str:
    """What to do about a name that a plan does not have."""
    near = get_close_matches(name, names, n=1, cutoff=0.8)
    return f"Did you mean `{near[0]}`? Otherwise make a plan for this model." if near else "Make a plan for this model."
