"""A model file of GPT-2 XL's size (1.56 G parameters, 6.2 GB): fanin's normal values, fanin's constants, and transformers.

    cargo build --release
    python benches/peers/file.py target/release/fanin [--rounds N] [--folder DIR] [--transformers]

Runs take turns, each from the same state: outputs deleted, everything written back, the page cache dropped (as root), and
a pause for the machine to settle. The constants are the limit of the file path: the same bytes without random numbers.
`--transformers` also builds the model from its configuration and saves it. Prints medians, ranges and ratios of medians.
"""

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from large import empty, settle

LAYERS, WIDTH, VOCABULARY, CONTEXT = 48, 1600, 50257, 1024

BUILD = """
import sys
import transformers
config = transformers.GPT2Config(n_layer=48, n_embd=1600, n_head=25)
transformers.logging.set_verbosity_error()
import time
start = time.perf_counter()
model = transformers.AutoModelForCausalLM.from_config(config)
model.save_pretrained(sys.argv[1], max_shard_size="100GB")
print(time.perf_counter() - start)
"""


def tensors():
    yield "wte.weight", [VOCABULARY, WIDTH]
    yield "wpe.weight", [CONTEXT, WIDTH]
    for layer in range(LAYERS):
        for name, shape in [
            ("ln_1.weight", [WIDTH]), ("ln_1.bias", [WIDTH]),
            ("attn.c_attn.weight", [WIDTH, 3 * WIDTH]), ("attn.c_attn.bias", [3 * WIDTH]),
            ("attn.c_proj.weight", [WIDTH, WIDTH]), ("attn.c_proj.bias", [WIDTH]),
            ("ln_2.weight", [WIDTH]), ("ln_2.bias", [WIDTH]),
            ("mlp.c_fc.weight", [WIDTH, 4 * WIDTH]), ("mlp.c_fc.bias", [4 * WIDTH]),
            ("mlp.c_proj.weight", [4 * WIDTH, WIDTH]), ("mlp.c_proj.bias", [WIDTH]),
        ]:
            yield f"h.{layer}.{name}", shape
    yield "ln_f.weight", [WIDTH]
    yield "ln_f.bias", [WIDTH]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp/fanin-file"))
    parser.add_argument("--transformers", action="store_true")
    args = parser.parse_args()
    args.folder.mkdir(exist_ok=True)
    source, out = args.folder / "xl.safetensors", args.folder / "out.safetensors"
    size = empty(source, tensors())

    def fanin(*rules):
        start = time.perf_counter()
        sets = [word for rule in rules for word in ("--set", rule)]
        subprocess.run([args.program, "init", source, "-o", out, *sets], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    def transformers():
        done = subprocess.run([sys.executable, "-c", BUILD, args.folder / "hf"], check=True, capture_output=True, text=True)
        return float(done.stdout.split()[-1])

    runs = {"normal": lambda: fanin("*=normal(std=0.02)"), "constant": lambda: fanin("*=constant(value=0.02)")}
    if args.transformers:
        runs["transformers"] = transformers
    times = {name: [] for name in runs}
    for turn in range(args.rounds):
        # Every other round backwards: what a run leaves behind shall not always hit the same one.
        for name, run in list(runs.items())[:: -1 if turn % 2 else 1]:
            out.unlink(missing_ok=True)
            shutil.rmtree(args.folder / "hf", ignore_errors=True)
            settle(5)
            times[name].append(run())
            print(f"{name} {times[name][-1]:.2f} s", file=sys.stderr, flush=True)
    shutil.rmtree(args.folder)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    print(f"{size / 1e9:.2f} GB, {args.rounds} rounds")
    for name, seconds in times.items():
        print(f"  {name:12} {medians[name]:6.2f} s  [{min(seconds):.2f}-{max(seconds):.2f}]")
    paired = statistics.median(a / b for a, b in zip(times["normal"], times["constant"]))
    print(f"  normal / constant      {medians['normal'] / medians['constant']:.2f} (median of the rounds' ratios {paired:.2f})")
    if args.transformers:
        print(f"  transformers / normal  {medians['transformers'] / medians['normal']:.2f}")
    else:
        print(f"  peak memory            {peak:.0f} MB")


main()
