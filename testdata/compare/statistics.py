#!/usr/bin/env python3
"""Writes statistics.json: what scipy says of some samples. Run it where scipy is at hand; the tests need only the result."""

import json
import pathlib

import numpy as np
import scipy
from scipy import stats

rng = np.random.default_rng(7)
samples = [np.round(rng.normal(mean, std, n), 6) for mean, std, n in [
    (0.9, 0.02, 5), (0.5, 0.1, 2), (-3.0, 2.0, 10), (100.0, 0.001, 30), (0.0, 1.0, 3)]]


def holm(p):
    """The step-down procedure from its definition: the smallest level at which each hypothesis is rejected."""
    order = np.argsort(p, kind="stable")
    adjusted, least = np.zeros(len(p)), 0.0
    for rank, at in enumerate(order):
        least = max(least, min(1.0, (len(p) - rank) * p[at]))
        adjusted[at] = least
    return adjusted.tolist()


intervals = []
for values in samples:
    low, high = stats.t.interval(0.95, len(values) - 1, loc=values.mean(), scale=stats.sem(values))
    intervals.append({"values": values.tolist(), "mean": values.mean(), "low": low, "high": high})

pairs = []
for shift in [0.0, 0.01, 0.3, 5.0]:
    for n in [2, 5, 20]:
        a, b = np.round(rng.normal(0, 0.1, n), 6), np.round(rng.normal(shift, 0.1, n), 6)
        found = stats.ttest_rel(a, b)
        between = found.confidence_interval(0.95)
        pairs.append({"a": a.tolist(), "b": b.tolist(), "difference": (a - b).mean(), "p": found.pvalue,
                      "low": between.low, "high": between.high})

many = [np.round(rng.uniform(0, 0.2, n), 5).tolist() for n in [1, 4, 15]] + [[0.01, 0.01, 0.5, 1.0]]
out = {"written by": "testdata/compare/statistics.py", "scipy": scipy.__version__, "intervals": intervals, "pairs": pairs,
       "holm": [{"p": p, "adjusted": holm(np.array(p))} for p in many]}
pathlib.Path(__file__).with_name("statistics.json").write_text(json.dumps(out, indent=1) + "\n")
