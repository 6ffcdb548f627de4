"""Measures once more what is at hand, and compares it with the committed figures.

    python again.py FOLDER            the small models of torch, Keras, Flax, transformers, timm and torchvision
    python again.py FOLDER --all      their initializers, too

FOLDER gets a copy of this one's JSON files, in which the fresh figures replace the old. `cargo xtask frameworks` runs this, and
then the tests of `crates/fanin` on FOLDER. A library that cannot be imported is said, and its committed figures stay.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from math import prod, sqrt

HERE = os.path.dirname(os.path.abspath(__file__))
# What is measured: modules that it needs, script and its words, files that it writes.
MODELS = [
    (["torch"], "families/make.py torch", ["families/torch.json"]),
    (["keras", "jax"], "families/make.py keras", ["families/keras.json"]),
    (["jax", "flax"], "families/make.py flax", ["families/flax.json"]),
    (["torch", "transformers"], "families/make.py transformers", ["families/transformers.json"]),
    (["torch", "transformers"], "families/relatives.py", ["families/relatives.json"]),
    (["torch", "timm", "torchvision"], "families/make.py timm", ["families/timm.json", "families/torchvision.json"]),
]
INITIALIZERS = [
    (["torch"], "make.py torch", ["torch.json"]),
    (["keras", "jax"], "make.py keras", ["keras.json"]),
    (["jax", "flax"], "make.py jax", ["jax.json"]),
    (["tensorflow"], "others.py tf1", ["tf1.json"]),
    (["torch", "timm"], "others.py timm", ["timm.json"]),
    (["torch", "transformers"], "others.py hf", ["hf.json"]),
    (["torch", "transformers", "timm", "keras"], "tables.py", ["tables.json"]),
    (["torch", "jax"], "complex.py", ["complex.json"]),
]
# Standard errors that two measurements of one law may be apart; one pair of 10⁸ is.
ERRORS = 6.0
# Elements from which a tensor's std is told.
LARGE = 4096


def lines(path):
    """The figures of a file by what they are of: {(model or call, tensor or place): figures}."""
    with open(path) as file:
        content = json.load(file)
    found = {}
    for line in content.get("spellings", []) + content.get("lines", []):
        found[line["call"], line.get("on", "")] = line
    for model in content.get("models", []):
        for line in model.get("params", []):
            found[model["name"], line["name"]] = line
        for name, shape, *rest in model.get("tensors", []):
            words = ["n", "mean", "std", "min", "max", "zeros"] if len(rest) > 1 else ["dtype"]
            found[model["model"], name] = {"shape": shape, **dict(zip(words, rest))}
    return content["version"], found


def differs(old, new):
    """What two measurements cannot both be right about; nothing if they agree."""
    if old["shape"] != new["shape"]:
        return f"shape {old['shape']}, now {new['shape']}"
    if "values" in old:
        far = max((abs(a - b) for a, b in zip(old["values"], new["values"])), default=0.0)
        return f"values that differ by {far}" if far > 1e-5 * max(map(abs, old["values"]), default=1.0) else ""
    if "std" not in old or "std" not in new:
        return "" if ("std" in old) == ("std" in new) else "of another type"
    wide = max(old["std"], new["std"])
    error = ERRORS * wide * sqrt(1 / old["n"] + 1 / new["n"]) + 1e-5 * abs(old.get("mean", 0.0)) + 1e-5 * wide
    for word, error in [("mean", error), ("std", error)]:
        if abs(old.get(word, 0.0) - new.get(word, 0.0)) > error:
            return f"{word} {old[word]}, now {new[word]}"
    return ""


def families(old, new, both):
    """Prints for each model how far the stds of its larger tensors are from the committed ones."""
    models = {}
    for key in both:
        if "std" in old[key] and prod(old[key]["shape"]) >= LARGE and old[key]["std"] > 0:
            models.setdefault(key[0], []).append(abs(new[key]["std"] / old[key]["std"] - 1))
    for model, far in models.items():
        print(f"  {model}: {len(far)} tensors of {LARGE} elements and more, their stds at most {100 * max(far):.2f} % apart")


def compare(name, folder):
    """Prints how the fresh file stands to the committed one; whether they agree."""
    was, old = lines(os.path.join(HERE, name))
    now, new = lines(os.path.join(folder, name))
    wrong = [f"{' '.join(key)}: gone" for key in old if key not in new]
    wrong += [f"{' '.join(key)}: new" for key in new if key not in old]
    both = [key for key in old if key in new]
    equal = sum(old[key] == new[key] for key in both)
    wrong += [f"{' '.join(key)}: {why}" for key in both if (why := differs(old[key], new[key]))]
    print(f"{name}: {now}" + (f" (committed: {was})" if was != now else ""))
    print(f"  {len(both)} figures, {equal} equal to the digit, {len(wrong)} that differ by more than chance")
    if name.startswith("families/"):
        families(old, new, both)
    for line in wrong:
        print("  DIFFERS", line)
    return not wrong


def main(folder, more):
    shutil.copytree(HERE, folder, ignore=lambda at, names: [n for n in names if not n.endswith(".json") and n != "families"],
                    dirs_exist_ok=True)
    measured, agree = 0, True
    for modules, words, files in MODELS + (INITIALIZERS if more else []):
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        if missing:
            print(f"SKIPPED {', '.join(files)}: {sys.executable} has no {', '.join(missing)}")
            continue
        script, *rest = words.split()
        print(f"measuring: {words}", flush=True)
        quiet = {"PYTHONWARNINGS": "ignore", "TF_CPP_MIN_LOG_LEVEL": "3", "TRANSFORMERS_VERBOSITY": "error"}
        run = subprocess.run([sys.executable, os.path.join(HERE, script), *rest], stdout=subprocess.DEVNULL,
                             env={**os.environ, "FANIN_MEASURED": os.path.abspath(folder), **quiet})
        if run.returncode:
            print(f"FAILED {words}: it ended with {run.returncode}; its committed figures stay")
            agree = False
            continue
        measured += 1
        agree &= all([compare(name, folder) for name in files])
    if not measured:
        print("SKIPPED everything: no framework can be imported")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "--all" in sys.argv))
