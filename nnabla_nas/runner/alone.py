"""Refusing to be one of several processes that a launcher has started as one run."""

from __future__ import annotations

import os
from collections.abc import Mapping

from nnabla_nas.errors import InputError

# How many processes there are, by launcher: Open MPI, MPICH and Intel MPI, MVAPICH, srun.
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")


def require_one_process(environment: Mapping[str, str] = os.environ) -> None:
    """Check that no launcher has started this process as one of several.

    Args:
        environment: the environment variables.

    Raises:
        InputError: if one has.
    """
    # Without a step of its own a batch script runs once, whatever was reserved.
    in_step = "SLURM_STEP_ID" in environment and _SIZES[-1] not in environment
    for name in (*_SIZES, *("SLURM_NTASKS",) * in_step):
        size = environment.get(name, "")
        if size.isdecimal() and int(size) > 1:
            raise InputError(
                f"{name} is {size}: a run is one process, several are not supported; start it "
                "without mpirun, or with srun --ntasks=1"
            )
