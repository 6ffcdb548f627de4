"""Comparisons: which initialization trains a model best, and whether that can be told."""

from __future__ import annotations

import csv
import json
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from . import _fanin, html
from .errors import Refused, refused
from .files import Model

Strategies = str | Sequence[str] | Mapping[str, str]
"""Recipes, methods and calls: ``"auto,torch"``, ``["auto", "he(fan=out)"]``, or with names of your own
``{"wide": "he(fan=out)"}``."""


class Comparison(html.Page):
    """What a comparison found: a table and a verdict for each model and data, and the folder with all runs."""

    def __init__(self, data: dict[str, Any], text: str, page: str, folder: str, failed: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(text, page)
        self.data, self.folder = data, folder
        self.failed = dict(failed)
        """Strategies that cannot be run, and why."""

    @property
    def cases(self) -> list[dict[str, Any]]:
        """A table for each model and data: its verdict, its pairs, and its rows, the best strategy first."""
        return self.data["cases"]

    @property
    def verdict(self) -> dict[str, Any]:
        """What may be said of the first case: the best, and what it cannot be told apart from."""
        return self.cases[0]["verdict"]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The strategies of the first case, the best first."""
        return self.cases[0]["rows"]

    @property
    def missing(self) -> list[str]:
        """Ids of runs without an outcome: those of another comparison in the folder, of strategies that cannot be run, or
        of machines that were lost."""
        return self.data["missing"]

    def to_pandas(self, what: Literal["strategies", "runs"] = "strategies") -> Any:
        """A row for each strategy of each case, or for each run, as a ``pandas.DataFrame``."""
        import pandas

        if what == "runs":
            return pandas.DataFrame(self.runs())
        mean = lambda row, name: row[name] and row[name]["mean"]
        measured = ("test_accuracy", "test_loss", "train_accuracy", "train_loss", "gap", "steps_to_target", "seconds")
        rows = [
            {"case": case["name"], "strategy": row["strategy"], "standing": _word(row["standing"]), "seeds": row["seeds"]}
            | {name: mean(row, name) for name in measured}
            | {f"{name}_{end}": row[name] and row[name].get(end) for name in measured[:2] for end in ("low", "high")}
            | {"learned": row["learned"], "diverged": row["diverged"], "rate": row["rates"][0] if row["rates"] else None}
            for case in self.cases
            for row in case["rows"]
        ]
        return pandas.DataFrame(rows)

    def runs(self) -> list[dict[str, Any]]:
        """A row for each run: strategy, seed, rate, losses and accuracies, as in ``results.csv``."""
        with (Path(self.folder) / "results.csv").open(encoding="utf-8", newline="") as file:
            return [{name: _number(name, text) for name, text in row.items()} for row in csv.DictReader(file)]



def _word(standing: Any) -> str:
    return standing if isinstance(standing, str) else next(iter(standing))


def _number(name: str, text: str | None) -> Any:
    if not text or name in ("id", "case", "model", "data", "strategy", "optimizer", "plan"):
        return text or None
    return int(text) if name in ("seed", "batch", "steps", "diverged_at") else float(text)


def compare(
    model: str | os.PathLike[str] | Model | None = None,
    *,
    data: str | None = None,
    strategies: Strategies | None = None,
    from_: str | os.PathLike[str] | None = None,
    seeds: int | None = None,
    tune: bool | Sequence[float] = False,
    steps: int | None = None,
    batch: int | None = None,
    optimizer: str | None = None,
    rate: float | None = None,
    schedule: str | None = None,
    clip: float | None = None,
    stop_at: float | None = None,
    target: float | None = None,
    out: str | os.PathLike[str] | None = None,
    tensorboard: bool = False,
    jobs: int | None = None,
    engine: Literal["local", "ray"] = "local",
    threads: int = 1,
) -> Comparison:
    """Trains a model from several initializations, over several seeds, and says which is best, or that it cannot be told.

    The arguments are those of ``fanin compare``, and so are the runs: the same cells, the same outcomes, the same folder. What
    was run before is not run again; a comparison that was stopped (Ctrl-C ends it after the runs in progress) goes on.

    :param model: an ONNX file, a short architecture, or a study (a file ending in ``.toml``).
    :param from_: a model to take values from, for the strategy ``pretrained``.
    :param tune: give each strategy its own learning rate: ``True`` for four about the usual one, or a list of rates.
    :param out: the folder for runs and report; one named after what is compared, without.
    :param jobs: runs at a time; as many as there are cores, without.
    :param engine: ``"local"``, or ``"ray"``: the runs are tasks on the Ray cluster that this process is connected to, that
        ``RAY_ADDRESS`` names or that runs on this machine; otherwise Ray is started here and stopped afterwards.
    :param threads: cores of one run on Ray.

    >>> import fanin, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> found = fanin.compare("mlp:64-16-10:relu", strategies=["he", "zero"], seeds=2, steps=20, out=folder.name)
    >>> found.rows[0]["strategy"]
    'he'
    """
    if engine not in ("local", "ray"):
        raise refused("engine", "compare", f"`{engine}` is no engine", "local or ray", "For schedulers see docs/compare.md.")
    said: dict[str, Any] = {"data": data, "strategies": _strategies(strategies), "from": from_, "seeds": seeds, "steps": steps, "batch": batch}
    said |= {"optimizer": optimizer, "rate": rate, "schedule": schedule, "clip": clip, "stop-at": stop_at}
    said |= {"target": target, "out": out, "jobs": jobs}
    args = [] if model is None else [_path(model)]
    for name, value in said.items():
        args += [] if value is None else [f"--{name}={os.fspath(value) if isinstance(value, os.PathLike) else value}"]
    if not isinstance(tune, bool):
        args += [f"--tune={','.join(map(repr, tune))}"]
    args += ["--tune"] if tune is True else []
    args += ["--tensorboard"] if tensorboard else []
    asked = _fanin.compare(args)
    if engine == "ray":
        from .cluster import run

        failed = run(asked, threads, jobs)
    else:
        failed = asked.run()
    found, text, page = asked.report(f"fanin compare {shlex.join(args)}".rstrip())
    if failed and not any(case["rows"] for case in json.loads(found)["cases"]):
        raise Refused.of(_impossible(failed))
    return Comparison(json.loads(found), text, page, asked.folder, failed)


def _impossible(failed: Sequence[tuple[str, str]]) -> list[tuple[str, str, str, str, str]]:
    """A problem for each reason why strategies cannot be run."""
    reasons: dict[str, list[str]] = {}
    for strategy, why in failed:
        reasons.setdefault(why, []).append(strategy)
    expected, remedy = "a strategy that can be run", "Mend that, and call again."
    return [(", ".join(names), "compare", why.rstrip("."), expected, remedy) for why, names in reasons.items()]


def _path(model: Any) -> str:
    if isinstance(model, Model):
        return model.path
    if isinstance(model, str | os.PathLike):
        return os.fspath(model)
    remedy = "Export it: `torch.onnx.export(…, dynamic_shapes=…)`, or `model.export(path, format=\"onnx\")` in Keras."
    raise refused("model", "compare", f"this is a {type(model).__name__}", "a path or a short architecture", remedy)


def _strategies(strategies: Strategies | None) -> str | None:
    if strategies is None or isinstance(strategies, str):
        return strategies
    if isinstance(strategies, Mapping):
        return ",".join(f"{name}={call}" for name, call in strategies.items())
    return ",".join(map(str, strategies))
