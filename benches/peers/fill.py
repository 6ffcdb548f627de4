"""Fills by fanin and by torch, in turn on the same machine; prints the median of the ratios of their times.

    cargo build --release -p fanin --example fill_bench
    python benches/peers/fill.py target/release/examples/fill_bench [--elements N] [--rounds N] [--only TEXT]

Both fill memory that is already touched. Each round runs torch, then every path of fanin; a ratio compares times of one
round, so that what else the machine does hits both.
"""

import argparse
import statistics
import subprocess
import time

import torch

CASES = {
    ("uniform", "f32"): lambda t: t.uniform_(-0.05, 0.05),
    ("normal", "f32"): lambda t: t.normal_(0.0, 0.02),
    ("truncated", "f32"): lambda t: torch.nn.init.trunc_normal_(t, 0.0, 0.02, -0.04, 0.04),
    ("truncated_far", "f32"): lambda t: torch.nn.init.trunc_normal_(t, 0.0, 0.02, -2.0, 2.0),
    ("truncated_skew", "f32"): lambda t: torch.nn.init.trunc_normal_(t, 0.0, 0.02, -0.02, 0.04),
    ("arcsine", "f32"): lambda t: t.uniform_(-3.1415926, 3.1415926).sin_().mul_(0.05),
    ("uniform", "bf16"): lambda t: t.uniform_(-0.05, 0.05),
    ("normal", "bf16"): lambda t: t.normal_(0.0, 0.02),
    ("truncated", "bf16"): lambda t: torch.nn.init.trunc_normal_(t, 0.0, 0.02, -0.04, 0.04),
    ("normal", "f16"): lambda t: t.normal_(0.0, 0.02),
    ("normal", "f64"): lambda t: t.normal_(0.0, 0.02),
}
TORCH = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16, "f64": torch.float64}
BYTES = {"f32": 4, "bf16": 2, "f16": 2, "f64": 8}
PATHS = [("avx512", 2), ("avx512", 1), ("avx2", 2), ("avx2", 1), ("scalar", 2)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--elements", type=int, default=1 << 24)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--only", default="")
    parser.add_argument("--paths", default="")
    args = parser.parse_args()
    fanin = subprocess.Popen([args.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ours(law, dtype, path, threads):
        fanin.stdin.write(f"{law} {dtype} {path} {threads} {args.elements}\n")
        fanin.stdin.flush()
        return float(fanin.stdout.readline())

    def theirs(tensor, call):
        start = time.perf_counter()
        with torch.no_grad():
            call(tensor)
        return time.perf_counter() - start

    print(f"{args.elements} elements, {args.rounds} rounds, torch {torch.__version__}: median (and range) of the ratios,\n"
          "and the ratio of the shortest times, which other work on the machine disturbs least")
    for (law, dtype), call in CASES.items():
        if args.only not in f"{law} {dtype}":
            continue
        tensor = torch.zeros(args.elements, dtype=TORCH[dtype])
        paths = [p for p in PATHS if args.paths in f"{p[0]} {p[1]}"]
        times = {key: [] for key in ["torch", *paths]}
        rounds = args.rounds if law != "truncated" else max(3, args.rounds // 2)
        for turn in range(rounds + 1):
            row = {"torch": theirs(tensor, call)} | {p: ours(law, dtype, *p) for p in paths}
            if turn:  # the first round warms up
                for key, seconds in row.items():
                    times[key].append(seconds)
        size = args.elements * BYTES[dtype] / 1e9
        print(f"{law} {dtype}: torch {size / statistics.median(times['torch']):.3f} GB/s")
        for path in paths:
            ratios = sorted(a / b for a, b in zip(times["torch"], times[path]))
            speed = size / statistics.median(times[path])
            print(
                f"  {path[0]:7} {path[1]} thread(s) {speed:6.2f} GB/s  {statistics.median(ratios):6.2f}x"
                f"  [{ratios[0]:.2f}-{ratios[-1]:.2f}]  {min(times['torch']) / min(times[path]):6.2f}x",
                flush=True,
            )
    fanin.stdin.close()


main()
