#!/bin/bash
# One run of a comparison for each task of an array, on any number of nodes:
#   fanin compare expand study.toml -o study
#   sbatch --array=1-"$(wc -l < study/cells.jsonl)" compare_slurm.sh study && fanin compare report study
#SBATCH --job-name=fanin-compare
#SBATCH --cpus-per-task=4
exec fanin compare cell "$1" "$SLURM_ARRAY_TASK_ID"
