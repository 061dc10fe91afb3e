#!/bin/bash
#SBATCH --job-name=layerswap-finish
#SBATCH --cpus-per-task=1
#SBATCH --mem=2G
#SBATCH --time=00:30:00
set -euo pipefail

layerswap finish "$PLAN"
