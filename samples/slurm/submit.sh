#!/bin/bash
# Works a plan in parts as a job array, and finishes it when all parts are done.
#
#   layerswap plan merge recipe.yml -o OUT --json > plan.json
#   samples/slurm/submit.sh plan.json 16
#
# The plan, the models and OUT lie on a file system that all nodes share. A part that failed is repeated by itself:
#   PLAN=/path/plan.json PARTS=16 sbatch --array=3 --export=ALL samples/slurm/part.sh
set -euo pipefail

# In the environment, not in --export: a path may hold a comma.
PLAN=$(realpath "$1")
PARTS=${2:-4}
export PLAN PARTS
here=$(dirname "$(realpath "$0")")

array=$(sbatch --parsable --array="1-$PARTS" --export=ALL "$here/part.sh")
# Without kill-on-invalid-dep a job whose parts failed would wait for ever.
finish=$(sbatch --parsable --dependency="afterok:$array" --kill-on-invalid-dep=yes --export=ALL "$here/finish.sh")
echo "parts $array, finish $finish"
