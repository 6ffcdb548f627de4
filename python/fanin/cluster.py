"""The runs of a comparison as tasks of Ray: cells go out as text, outcomes come back as text, and the folder stays here."""

from __future__ import annotations

import os
import warnings
from typing import Any

from . import _fanin
from .errors import Error, refused

#: How often a run is begun again whose worker was lost.
_RETRIES = 5
#: Bytes of Ray's store of objects where it is started here: cells and outcomes are a few kilobytes each.
_STORE = 80 << 20


def run(asked: _fanin.Comparing, threads: int, jobs: int | None) -> list[tuple[str, str]]:
    """Runs the cells that have no outcome yet; gives the strategies that cannot be run, and why.

    Every outcome is stored when it comes, so whatever breaks later loses none of them. Ray begins a run again whose worker
    or machine was lost; one that is lost again and again is left out, and the report names it as missing.
    """
    left = asked.left()
    if not left:
        return []
    ray = _ray()
    started = _connect(ray, jobs)
    try:
        task = ray.remote(num_cpus=threads, max_retries=_RETRIES)(_cell)
        waiting = {task.remote(text, threads): (id, strategy) for id, strategy, text in left}
        failed: dict[tuple[str, str], None] = {}
        while waiting:
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            id, strategy = waiting.pop(done)
            why = _settle(ray, asked, id, done)
            if why is not None:
                failed[strategy, why] = None
        return list(failed)
    finally:
        if started:
            ray.shutdown()


def _settle(ray: Any, asked: _fanin.Comparing, id: str, done: Any) -> str | None:
    """Stores an outcome; or says why there is none."""
    try:
        asked.put(id, ray.get(done))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, Error):
            return str(error.cause)
        if isinstance(error.cause, ModuleNotFoundError):
            wrong, remedy = str(error.cause), "Install fanin on every machine of the cluster, in the version that is here."
            raise refused("engine", "compare", wrong, "fanin wherever runs go", remedy) from error
        raise
    except ray.exceptions.RayError as error:
        warnings.warn(f"run {id} is lost: {type(error).__name__}; the same call begins it again", stacklevel=4)
    return None


def _cell(text: str, threads: int) -> str:
    """One run, on whatever machine has room."""
    from fanin import _fanin

    return _fanin.cell(text, threads)


def _ray() -> Any:
    # Ray reports its use to its makers unless it is told not to, and reads that when it is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ModuleNotFoundError as error:
        remedy = "`pip install ray`, or leave `engine` out."
        raise refused("engine", "compare", "the module `ray` is missing", "Ray, for engine=\"ray\"", remedy) from error
    return ray


def _connect(ray: Any, jobs: int | None) -> bool:
    """Connects to the cluster that there is, or starts one on this machine; whether it was started."""
    if ray.is_initialized():
        return False
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "warning"}
    try:
        ray.init(address="auto", **quiet)
        return True
    except ConnectionError:
        pass
    ray.init(address="local", num_cpus=jobs, include_dashboard=False, object_store_memory=_STORE, **quiet)
    return True
