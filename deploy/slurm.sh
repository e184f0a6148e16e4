#!/usr/bin/env bash
#SBATCH --job-name=infralab-sweep
#SBATCH --array=1-64
#SBATCH --cpus-per-task=2
#SBATCH --mem=1G
#SBATCH --time=12:00:00
# One share of a night's sweep for each task of the array, into the folder SHARES (by default `shares`).
set -u
shares=${SHARES:-shares}
share=$((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN + 1))
mkdir -p "$shares"
infralab sweep --seeds "${SEEDS:-100000}" --shard "$share/$SLURM_ARRAY_TASK_COUNT" --json \
    > "$shares/$share.json.part"
status=$?
# A broken promise (1), or one of which nobody can tell (3), is a result.
case $status in 0 | 1 | 3) ;; *) exit "$status" ;; esac
mv "$shares/$share.json.part" "$shares/$share.json"
