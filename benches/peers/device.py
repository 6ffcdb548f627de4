"""Many cores and a device: how fast arrays are filled by 1 to all cores, and how long a model on CUDA takes.

    python benches/peers/device.py threads
    python benches/peers/device.py cuda          # torch, transformers and a device

Needs `pip install .` (a release build). Turns of fanin and its peers alternate; the shortest times are printed.
"""

import os
import sys
import time

import fanin
import numpy as np


def shortest(work, turns=4):
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def threads():
    array = np.zeros(1 << 28, np.float32)
    names = iter(range(1 << 30))
    for count in [n for n in (1, 2, 4, 8, 16, 32, 64, 128) if n <= os.cpu_count()]:
        fanin.set_threads(count)
        speeds = {
            call: array.nbytes / 1e9 / shortest(lambda call=call: fanin.fill(array, call, name=f"x{next(names)}", seed=1))
            for call in ("uniform(low=-1, high=1)", "normal(std=1)", "truncated(std=1)")
        }
        print(f"{count:4} threads  " + "  ".join(f"{call.split('(')[0]} {speed:.1f} GB/s" for call, speed in speeds.items()), flush=True)


def cuda():
    import fanin.torch
    import torch
    from torch import nn
    from transformers import GPT2Config, GPT2LMHeadModel

    def timed(work):
        torch.cuda.synchronize()
        start = time.perf_counter()
        made = work()
        torch.cuda.synchronize()
        return time.perf_counter() - start, made

    print(torch.cuda.get_device_name(), torch.__version__)
    for dtype in (torch.float32, torch.bfloat16):
        model = nn.Linear(32768, 16384, bias=False, device="cuda", dtype=dtype)
        plan = fanin.torch.plan(model, recipe="he", seed=1)
        times = [timed(lambda model=model, plan=plan: fanin.torch.init_(model, plan))[0] for _ in range(5)]
        print(f"one tensor of {model.weight.nbytes / 1e9:.2f} GB, {dtype}: first {times[0]:.3f} s, shortest {min(times):.3f} s", flush=True)
    config = GPT2Config(n_embd=1600, n_layer=48, n_head=25)
    with torch.device("meta"):
        plan = fanin.torch.plan(GPT2LMHeadModel(config), recipe="gpt2", seed=1)

    def ours():
        with torch.device("cuda"), fanin.torch.skip_init():
            model = GPT2LMHeadModel(config)
        fanin.torch.init_(model, plan)
        return model

    def there():
        with torch.device("cuda"):
            return GPT2LMHeadModel(config)

    works = {"fanin": ours, "transformers, drawn on the device": there, "transformers, drawn here": lambda: GPT2LMHeadModel(config).to("cuda")}
    for turn in range(3):
        for name, work in works.items():
            seconds, model = timed(work)
            print(f"GPT-2 XL, turn {turn}: {name}: {seconds:.2f} s", flush=True)
            if work is ours:
                assert fanin.torch.verify(model, plan)


if __name__ == "__main__":
    {"threads": threads, "cuda": cuda}[sys.argv[1]]()
