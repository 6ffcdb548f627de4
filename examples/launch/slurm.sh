#!/bin/bash
# Four nodes, one torchrun on each: the ranks fill what they hold, with the bits of one process.
#SBATCH --job-name=fanin
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
srun torchrun --nnodes="$SLURM_NNODES" --nproc-per-node="${RANKS:-8}" --rdzv-backend=c10d --rdzv-id="$SLURM_JOB_ID" \
    --rdzv-endpoint="$first:29500" examples/python/torch_sharded.py
