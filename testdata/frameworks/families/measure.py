"""What a freshly built model holds, over several seeds: one line for each tensor.

A line is [name, shape, n, mean, std, min, max, share of zeros] over the n values of all seeds, or [name, shape, type] for
tensors that hold no floating-point numbers. Numbers are rounded to 6 digits.
"""

import json
import os

import numpy as np

# Where the files go: here, or where `again.py` says.
FOLDER = os.path.join(os.environ.get("FANIN_MEASURED", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")), "families")


def rounded(value):
    return float(f"{value:.6g}")


class Statistics:
    def __init__(self):
        self.n, self.total, self.square, self.zeros = 0, 0.0, 0.0, 0
        self.low, self.high = np.inf, -np.inf

    def add(self, values):
        values = np.asarray(values, dtype=np.float64)
        self.n += values.size
        self.total += values.sum()
        self.square += (values * values).sum()
        self.zeros += int((values == 0).sum())
        if values.size:
            self.low, self.high = min(self.low, values.min()), max(self.high, values.max())

    def line(self):
        mean = self.total / self.n
        std = 0.0 if self.low == self.high else max(self.square / self.n - mean * mean, 0.0) ** 0.5
        return [self.n] + [rounded(x) for x in (mean, std, self.low, self.high, self.zeros / self.n)]


def model(name, build, seeds=16):
    """build(seed) -> [(name, array)], all tensors of a fresh model."""
    lines, statistics = [], {}
    for seed in range(seeds):
        for path, value in build(seed):
            value = np.asarray(value)
            if seed == 0:
                lines.append((path, list(value.shape), str(value.dtype)))
            if value.dtype.kind == "f" and value.size:
                statistics.setdefault(path, Statistics()).add(value)
    rows = [[path, shape] + (statistics[path].line() if path in statistics else [kind]) for path, shape, kind in lines]
    print(f"{name}: {len(rows)} tensors")
    return {"model": name, "tensors": rows}


def torch_model(name, build, seeds=16):
    """build() -> a module; its whole state, buffers included."""
    import torch

    def fresh(seed):
        torch.manual_seed(seed)
        np.random.seed(seed)
        return [(path, value.detach().float().numpy() if value.is_floating_point() else value.numpy())
                for path, value in build().state_dict().items()]

    return model(name, fresh, seeds)


def write(name, version, models):
    path = os.path.join(FOLDER, name + ".json")
    blocks = []
    for one in models:
        rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in one["tensors"])
        blocks.append(f'{{"model":{json.dumps(one["model"])},"tensors":[\n{rows}]}}')
    with open(path, "w") as file:
        file.write(f'{{"version":{json.dumps(version)},"models":[\n' + ",\n".join(blocks) + "]}\n")
    print(path, os.path.getsize(path))
