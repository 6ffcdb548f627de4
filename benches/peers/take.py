"""Taking a checkpoint of 6.4 GB by `fanin init --from`, as it is and cast to bf16, beside `cp` of the same file, each with an fsync.

    cargo build --release
    python benches/peers/take.py target/release/fanin [--rounds N] [--matrices N] [--folder DIR]

Every run starts from the same state: outputs deleted, everything written back, the page cache dropped (as root), two seconds of
rest. `read` is `cat` of the source to nowhere: what the disk gives. Needs 13 GB. Prints medians, ranges, and the peak memory of fanin.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from large import empty, settle

MATRICES, SIZE = 24, 8192


def ran(words):
    """Seconds, and the peak memory in MB."""
    start = time.perf_counter()
    child = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0, words
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def written(words, out):
    """The same, with what was written forced to the disk."""
    start = time.perf_counter()
    _, peak = ran(words)
    with open(out, "rb+") as file:
        os.fsync(file.fileno())
    return time.perf_counter() - start, peak


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--matrices", type=int, default=MATRICES, help="of 268 MB each")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp/fanin-take"))
    args = parser.parse_args()
    args.folder.mkdir(exist_ok=True)
    hole, source, out = (args.folder / f"{name}.safetensors" for name in ("hole", "source", "out"))
    size = empty(hole, ((f"layers.{i}.weight", [SIZE, SIZE]) for i in range(args.matrices)))
    ran([args.program, "init", hole, "-o", source, "--set", "*=normal(std=0.02)"])
    take = [args.program, "init", hole, "--from", source, "-o", out]
    runs = {
        "read": lambda: ran(["sh", "-c", f"cat '{source}' > /dev/null"]),
        "cp": lambda: written(["cp", "--reflink=never", source, out], out),
        "taken": lambda: written(take, out),
        "taken as bf16": lambda: written([*take, "--dtype", "bf16"], out),
    }
    times, peaks = {name: [] for name in runs}, dict.fromkeys(runs, 0.0)
    for turn in range(args.rounds):
        for name, run in list(runs.items())[:: -1 if turn % 2 else 1]:
            out.unlink(missing_ok=True)
            settle(2)
            seconds, peak = run()
            times[name].append(seconds)
            peaks[name] = max(peaks[name], peak)
            print(f"{name} {seconds:.2f} s", file=sys.stderr, flush=True)
    for path in (hole, source, out):
        path.unlink(missing_ok=True)
    args.folder.rmdir()
    print(f"{size / 1e9:.2f} GB, {args.rounds} rounds")
    for name, seconds in times.items():
        memory = f"  {peaks[name]:.0f} MB" if name.startswith("taken") else ""
        print(f"  {name:14} {statistics.median(seconds):6.2f} s  [{min(seconds):.2f}-{max(seconds):.2f}]{memory}")


main()
