"""The program ``fanin``, from the package: ``python -m fanin plan model.onnx``."""

from __future__ import annotations

import sys

from . import _fanin


def main() -> None:
    """Runs the program with this process's arguments."""
    raise SystemExit(_fanin.main(["fanin", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
