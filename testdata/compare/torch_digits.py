#!/usr/bin/env python3
"""Trains the network of `fanin compare` with torch, and writes torch_digits.json: what it reaches from each initialization.

    torch_digits.py               writes the golden figures (thirty seeds)
    torch_digits.py --time        prints the seconds that 6 strategies x 5 seeds of the 10x64 network take

Data, split, batches without a rest, optimizer and schedule are those of fanin; initial values and order of rows are
torch's own, so that means agree and runs do not. Run it where torch is at hand; the tests need only the result.
"""

import argparse
import gzip
import json
import math
import pathlib
import time

import numpy as np
import torch
from torch import nn

HERE = pathlib.Path(__file__).parent
STEPS, BATCH, RATE = 500, 64, 0.01


def philox(counter, key):
    """Philox4x32-10 (Salmon et al. 2011)."""
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def split(count, share):
    """The rows for testing that fanin chooses with seed 0."""
    name = 0xCBF29CE484222325
    for byte in b"data split":
        name = (name ^ byte) * 0x100000001B3 % 2**64

    def word(i, lane):
        return philox([i // 4, lane << 24, name & 0xFFFFFFFF, name >> 32], [0, 0])[i % 4]

    order = sorted(range(count), key=lambda i: word(i, 0) << 32 | word(i, 1))
    return sorted(order[count - round(count * share):])


def data():
    packed = gzip.decompress((HERE / "../../crates/fanin-data/data/digits.gz").read_bytes())
    raw = np.frombuffer(packed, np.uint8)
    x, y = raw[:1797 * 64].reshape(1797, 64) / 16.0, raw[1797 * 64:]
    test = split(1797, 0.2)
    train = sorted(set(range(1797)) - set(test))
    pick = lambda rows: (torch.tensor(x[rows], dtype=torch.float32), torch.tensor(y[rows].astype(np.int64)))
    return pick(train), pick(test)


def network(depth, strategy):
    layers = []
    for i in range(depth):
        layers += [nn.Linear(64, 64), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Linear(64, 10))
    linear = [layer for layer in net if isinstance(layer, nn.Linear)]
    for layer in linear:
        gain = 1.0 if layer is linear[-1] else math.sqrt(2)
        weight = {
            "zero": nn.init.zeros_,
            "small_random": lambda w: nn.init.normal_(w, std=0.01),
            "xavier": nn.init.xavier_uniform_,
            "he": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
            "orthogonal": lambda w: nn.init.orthogonal_(w, gain=gain),
            "torch": None,
        }[strategy]
        if weight:
            weight(layer.weight)
            nn.init.zeros_(layer.bias)
    return net


def run(depth, strategy, seed, train, test, steps):
    torch.manual_seed(seed)
    net = network(depth, strategy)
    optimizer = torch.optim.SGD(net.parameters(), RATE, momentum=0.9)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: (1 + math.cos(math.pi * t / steps)) / 2)
    (x, y), at, order = train, 0, torch.randperm(len(train[0]))
    every = -(-steps // 20)
    for step in range(steps):
        if at + BATCH > len(x):
            at, order = 0, torch.randperm(len(x))
        rows = order[at:at + BATCH]
        at += BATCH
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % every == 0:
            accuracy = evaluate(net, *test)
    return accuracy


@torch.no_grad()
def evaluate(net, x, y):
    return (net(x).argmax(1) == y).float().mean().item()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--time", action="store_true")
    options.add_argument("--steps", type=int, default=STEPS)
    options.add_argument("--threads", type=int, default=1)
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    train, test = data()
    strategies = ["zero", "small_random", "xavier", "he", "orthogonal", "torch"]
    if options.time:
        start = time.time()
        for strategy in strategies:
            for seed in range(5):
                run(10, strategy, seed, train, test, options.steps)
        print(f"{time.time() - start:.2f} s")
        return
    found = {s: [run(20, s, seed, train, test, options.steps) for seed in range(30)] for s in strategies}
    out = {"written by": "testdata/compare/torch_digits.py", "torch": torch.__version__, "depth": 20, "steps": options.steps,
           "batch": BATCH, "rate": RATE, "test_accuracy": found}
    (HERE / "torch_digits.json").write_text(json.dumps(out, indent=1) + "\n")


main()
