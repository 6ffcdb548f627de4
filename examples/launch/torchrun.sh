#!/bin/sh
# One machine, as many ranks as are named: torchrun.sh 2
exec torchrun --standalone --nproc-per-node="${1:-2}" "$(dirname "$0")/../python/torch_sharded.py"
