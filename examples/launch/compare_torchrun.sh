#!/bin/sh
# The runs of a comparison, dealt out to the ranks of torchrun; a run uses all cores of a node, so one rank a node will do:
#   fanin compare expand study.toml -o study
#   compare_torchrun.sh study --nnodes=4 --rdzv-backend=c10d --rdzv-endpoint=HOST:29500 && fanin compare report study
study=$1 && shift
# shellcheck disable=SC2016  # expanded by each rank
exec torchrun "$@" --no-python sh -c '
    for cell in $(seq $((RANK + 1)) "$WORLD_SIZE" "$(wc -l < "$0/cells.jsonl")"); do
        fanin compare cell "$0" "$cell" || exit
    done' "$study"
