"""What the Python package costs: a whole model against its own construction, and one tensor against the values alone.

    python benches/peers/python_torch.py model [LAYERS]    # GPT-2 XL (48 layers) by transformers, and by skip_init and init_
    python benches/peers/python_torch.py call              # what a tensor costs beyond its values

Every construction is a process of its own, so that all start with the same memory.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable


def model(layers: int) -> None:
    """Seconds to a model with values, both ways, the best of three."""
    best = {}
    for way in ("transformers", "fanin", "transformers", "fanin", "transformers", "fanin"):
        out = subprocess.run([sys.executable, __file__, "one", way, str(layers)], capture_output=True, text=True, check=True)
        seconds, parameters = map(float, out.stdout.split())
        best[way] = min(seconds, best.get(way, seconds))
    ratio = best["transformers"] / best["fanin"]
    print(f"{parameters:.3g} parameters: transformers {best['transformers']:.2f} s, fanin {best['fanin']:.2f} s, {ratio:.1f} times")


def one(way: str, layers: int) -> None:
    """One construction."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    import fanin.torch

    torch.set_num_threads(2)
    config = GPT2Config(n_embd=1600, n_layer=layers, n_head=25)
    start = time.perf_counter()
    if way == "transformers":
        built = GPT2LMHeadModel(config)
    else:
        with fanin.torch.skip_init():
            built = GPT2LMHeadModel(config)
        fanin.torch.init_(built, fanin.torch.plan(built, recipe="gpt2", seed=0))
    seconds = time.perf_counter() - start
    print(seconds, sum(parameter.numel() for parameter in built.parameters()))


def call() -> None:
    """Microseconds that a tensor costs beyond its values.

    What `init_` does for a tensor does not depend on its size, and is measured where the values take next to no time; what
    handing 2²⁰ elements to threads costs is the time of sixteen chunks less sixteen times that of one, on one thread. All are
    the shortest of many, which other work on the machine disturbs least.
    """
    import numpy as np
    import torch

    import fanin.torch

    def best(work: Callable[[], object], rounds: int) -> float:
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
        return 1e6 * min(times)

    count = 200
    model = torch.nn.Sequential(*(torch.nn.Linear(4, 4, bias=False) for _ in range(count)))
    plan = fanin.torch.plan(model, recipe="he", seed=0)
    held = [(f"{at}.weight", fanin.torch.fill.memory(layer.weight.detach())) for at, layer in enumerate(model)]
    whole = best(lambda: fanin.torch.init_(model, plan), 300) / count
    native = best(lambda: [plan._core.fill(name, data, "f32", None) for name, data in held], 300) / count
    print(f"init_ takes {whole:.1f} µs for a tensor of 16 elements, {native:.1f} µs of them for its values")
    large = torch.nn.Sequential(*(torch.nn.Linear(1024, 1024, bias=False) for _ in range(40)))
    plan = fanin.torch.plan(large, recipe="he", seed=0)
    held = [(f"{at}.weight", fanin.torch.fill.memory(layer.weight.detach())) for at, layer in enumerate(large)]
    whole = best(lambda: fanin.torch.init_(large, plan), 40) / len(large)
    native = best(lambda: [plan._core.fill(name, data, "f32", None) for name, data in held], 40) / len(large)
    print(f"init_ takes {whole:.1f} µs for a tensor of 2²⁰ elements, {native:.1f} µs of them for its values")
    fanin.set_threads(1)
    chunk = 1 << 16
    arrays = {f"w{n}.weight": np.empty((n, chunk), np.float32) for n in (1, 16)}
    core = fanin.plan(arrays, "he", set={"*": "normal(std=0.1)"})._core
    data = {name: np.zeros(array.nbytes, np.uint8) for name, array in arrays.items()}
    one, sixteen = (best(lambda name=name: core.fill(name, data[name], "f32", None), 1000) for name in arrays)
    print(f"2²⁰ elements take {sixteen:.1f} µs on one thread, sixteen times 2¹⁶ take {16 * one:.1f} µs")


if __name__ == "__main__":
    task, *rest = sys.argv[1:]
    {"model": lambda n="48": model(int(n)), "one": lambda way, n: one(way, int(n)), "call": call}[task](*rest)
