"""What the Python package costs: a whole model against its own construction, and one tensor against the values alone.

    python benches/python_torch.py model [LAYERS]    # GPT-2 XL (48 layers) by transformers, and by skip_init and init_
    python benches/python_torch.py call              # one float32 tensor of 2²⁰ elements

Every construction is a process of its own, so that all start with the same memory.
"""

from __future__ import annotations

import subprocess
import sys
import time


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
    """Microseconds of a call beyond its values: of a tensor of 2²⁰ elements, and of one of 16."""
    import torch

    import fanin.torch

    layers = {"small": torch.nn.Linear(4, 4, bias=False), "middle": torch.nn.Linear(1024, 1024, bias=False)}
    layers["large"] = torch.nn.Linear(8192, 4096, bias=False)
    plans = {name: fanin.torch.plan(layer, recipe="he", seed=0) for name, layer in layers.items()}
    core = {name: plan._core for name, plan in plans.items()}

    def best(work: object, rounds: int = 60) -> float:
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            work()  # type: ignore[operator]
            times.append(time.perf_counter() - start)
        return 1e6 * min(times)

    for name, layer in layers.items():
        data = fanin.torch.fill.memory(layer.weight.detach())
        from fanin.torch.fill import checked, fill_local

        def whole(name: str = name, layer: torch.nn.Module = layer) -> None:
            here = checked(layer.weight, "weight", plans[name])
            fill_local(here, lambda out, dtype: core[name].fill("weight", out, dtype, here.region))

        alone = best(lambda name=name, data=data: core[name].fill("weight", data, "f32", None))
        print(f"{name}: {layer.weight.numel()} elements, native call {alone:.1f} µs, in torch {best(whole):.1f} µs")


if __name__ == "__main__":
    task, *rest = sys.argv[1:]
    {"model": lambda n="48": model(int(n)), "one": lambda way, n: one(way, int(n)), "call": call}[task](*rest)
