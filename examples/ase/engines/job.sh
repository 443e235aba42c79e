#!/bin/sh
#SBATCH --nodes=4 --ntasks-per-node=32 --cpus-per-task=1 --time=24:00:00
# One job for all three: relax.py and lmlink-serve on the first node, the quantum code on all nodes.
#
#   sbatch job.sh quantum_espresso        # or cp2k, fhi_aims, vasp: the name of a JSON file in this folder
#
# The engine reaches lmlink over TCP, as its rank 0 may be on any node.
set -eu
code=${1:?the name of a JSON file, without .json}
sed "s/unix:qm/$(hostname):31416/; s/unix:{name}/{host}:{port}/" "$code.json" >"$code-job.json"
# What stands before the code's name in "launch": its ranks, beside those of lmlink-serve, of which there are eight.
export QM_RUN="srun --mpi=pmix --overlap --exact --nodes=$SLURM_JOB_NUM_NODES --ntasks=$SLURM_NTASKS"
python3 relax.py "$code-job.json" --ranks 8 --launcher "srun --mpi=pmix --overlap --exact --nodes=1"
