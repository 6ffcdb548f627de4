"""Six strategies, five seeds of a 10x64 network on the digits, by `fanin compare` and by a torch script, in turn.

    cargo build --release
    python benches/peers/compare.py target/release/fanin [--rounds N]

The torch script (testdata/compare/torch_digits.py) trains one network after the other, on one thread and on two; fanin trains
one on each core. Both have the same data, steps, optimizer, schedule and evaluations on the way. Wall time and processor time
of every run are printed, and the medians of the rounds' ratios.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "testdata/compare/torch_digits.py"
STRATEGIES = "zero,small_random,xavier,he,orthogonal,torch"


def timed(command, folder):
    """Wall and processor seconds of a command and its children."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    program = os.path.abspath(options.program)
    own_command = [program, "compare", "mlp:64-64x10-10:relu", "--strategies", STRATEGIES, "--seeds", "5", "-o", "out"]
    own, peers = [], {1: [], 2: []}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            own.append(timed(own_command, folder))
            for threads, found in peers.items():
                found.append(timed([sys.executable, str(SCRIPT), "--time", "--threads", str(threads)], folder))
    show = lambda name, found: print(f"{name}: wall " + " ".join(f"{w:.1f}" for w, _ in found)
                                     + " s, processor " + " ".join(f"{p:.1f}" for _, p in found) + " s")
    show("fanin", own)
    for threads, found in peers.items():
        show(f"torch, {threads} thread(s)", found)
        wall = statistics.median(t[0] / f[0] for f, t in zip(own, found))
        work = statistics.median(t[1] / f[1] for f, t in zip(own, found))
        print(f"  times fanin's: wall {wall:.1f}, processor {work:.1f}")


main()
