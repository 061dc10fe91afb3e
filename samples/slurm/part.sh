#!/bin/bash
#SBATCH --job-name=layerswap-part
#SBATCH --cpus-per-task=4
#SBATCH --mem=2G
#SBATCH --time=01:00:00
# A killed part goes on where it was when the job is requeued.
#SBATCH --requeue
set -euo pipefail

# The number of parts comes from who submitted: SLURM_ARRAY_TASK_COUNT would be 1 where one part is repeated.
layerswap run "$PLAN" --part "$SLURM_ARRAY_TASK_ID/$PARTS" --threads "$SLURM_CPUS_PER_TASK"
