"""Orthogonal matrices: fanin against torch.nn.init.orthogonal_, rounds interleaved.

    cargo build --release -p fanin --example orthogonal_rounds
    python orthogonal.py [path of orthogonal_rounds]

Both fill memory that is already there, with as many threads as there are cores. Prints medians, ranges and the ratio of
the medians, and how far fanin's 4096x4096 matrix is from orthogonal.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

import torch

SHAPES = [(1024, 1024, 11), (4096, 4096, 5), (50257, 768, 3)]


class Fanin:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self, rows, cols, path=""):
        print(rows, cols, path, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline().split()[1])

    def matrix(self, rows, cols):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "q")
            self.seconds(rows, cols, path)
            # The file is written after the answer; the answer to another line says that it is there.
            self.seconds(1, 1)
            with open(path, "rb") as file:
                return torch.frombuffer(bytearray(file.read()), dtype=torch.float32).reshape(rows, cols)


def torch_seconds(tensor):
    start = time.perf_counter()
    torch.nn.init.orthogonal_(tensor)
    return time.perf_counter() - start


def show(times):
    return f"{statistics.median(times) * 1e3:8.1f} ms [{min(times) * 1e3:.1f}-{max(times) * 1e3:.1f}]"


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else "target/release/examples/orthogonal_rounds"
    fanin = Fanin(program)
    torch.set_num_threads(os.cpu_count())
    for rows, cols, rounds in SHAPES:
        tensor = torch.zeros(rows, cols)
        fanin.seconds(rows, cols), torch_seconds(tensor)  # warm: threads, memory
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(fanin.seconds(rows, cols))
            theirs.append(torch_seconds(tensor))
        ratio = statistics.median(theirs) / statistics.median(ours)
        print(f"{rows}x{cols}: fanin {show(ours)}, torch {show(theirs)}, ratio {ratio:.2f}", flush=True)
    q = fanin.matrix(4096, 4096).double()
    defect = (q.T @ q - torch.eye(4096, dtype=torch.float64)).abs().max().item()
    print(f"fanin 4096x4096: max |QtQ - I| = {defect:.1e}, variance * n = {(q * q).mean().item() * 4096:.8f}")
    t = torch.nn.init.orthogonal_(torch.zeros(4096, 4096)).double()
    print(f"torch 4096x4096: max |QtQ - I| = {(t.T @ t - torch.eye(4096, dtype=torch.float64)).abs().max().item():.1e}")


if __name__ == "__main__":
    main()
