"""Training steps by fanin-engine and by torch, in turn on the same machine; prints medians and shortest times and ratios.

    cargo build --release -p fanin-engine --example step_bench
    python benches/peers/engine.py target/release/examples/step_bench [--rounds N] [--steps N] [--threads N] [--cpu]

A step is forward, cross-entropy, backward and gradient descent on a batch of 128, of a 784-512-512-10 network or of two 3×3
convolutions (1 to 32 to 64 channels), a pool and a linear layer on 28×28 pictures. Each round starts both programs anew and
leaves out the first five steps; ratios compare the medians of one round. With `--cpu` the processor time of a step is
measured instead, user and system: what it costs on a machine that does other work as well.
"""

import argparse
import resource
import statistics
import subprocess
import sys

TORCH = """
import sys, time, torch
from torch import nn
which, steps, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(0)
if which == "mlp":
    net = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    x = torch.randn(128, 784)
else:
    net = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                        nn.Linear(64 * 12 * 12, 10))
    x = torch.randn(128, 1, 28, 28)
t = torch.arange(128) % 10
descent = torch.optim.SGD(net.parameters(), lr=0.01)
for _ in range(steps):
    start = time.perf_counter()
    descent.zero_grad()
    nn.functional.cross_entropy(net(x), t).backward()
    descent.step()
    print((time.perf_counter() - start) * 1e3)
"""


def median(command):
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return statistics.median(map(float, lines[5:]))


def cpu(command, steps):
    """Milliseconds of processor time of a step: what many steps take more than a few."""

    def spent(count):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command[:-2], str(count), command[-1]], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return (spent(5 + steps) - spent(5)) / steps * 1e3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cpu", action="store_true")
    options = parser.parse_args()

    def measure(command):
        return cpu(command, options.steps) if options.cpu else median(command)

    tail = [str(options.steps), str(options.threads)]
    for which in ["mlp", "cnn"]:
        own, peer = [], []
        for _ in range(options.rounds):
            peer.append(measure([sys.executable, "-c", TORCH, which, *tail]))
            own.append(measure([options.program, which, *tail]))
        ratio = statistics.median(a / b for a, b in zip(own, peer))
        print(f"{which}: fanin {statistics.median(own):.2f} ms, torch {statistics.median(peer):.2f} ms, "
              f"{ratio:.2f} times torch's time (shortest: {min(own):.2f} and {min(peer):.2f} ms)")


if __name__ == "__main__":
    main()
