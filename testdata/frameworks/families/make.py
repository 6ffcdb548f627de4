"""Measures what the layers and model families of other libraries hold when they are fresh: one JSON file a library.

    python make.py                        all that needs installed packages only
    python make.py transformers           one of them
    python make.py originals CHECKOUTS    the authors' own code; CHECKOUTS is a folder of repositories (see originals.py)

The versions that were measured are in the files.
"""

import sys

import checkpoints
import layers
import originals

KINDS = {**layers.KINDS, **checkpoints.KINDS}

if __name__ == "__main__":
    words = sys.argv[1:] or list(KINDS)
    if words[0] == "originals":
        originals.measure(words[1], words[2:])
    else:
        for word in words:
            KINDS[word]()
