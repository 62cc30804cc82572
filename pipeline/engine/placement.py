"""Where Snakemake's jobs run: on this machine with its GPUs, or on a cluster, asked before submitting."""

import os
import shutil
import sys

from snakemake.exceptions import WorkflowError

from pipeline.compute import gpus
from pipeline.compute.variables import whole
from pipeline.engine import slurm
from pipeline.errors import PipelineError

OFFERED = (
    "PIPELINE_GPUS_OFFERED"  # by the main process to the Snakemakes on the nodes; empty: no limit
)


def gpus_at_once(workflow, wanted: bool) -> int | None:
    """How many GPUs jobs may have at a time; None: the cluster says. 0: a job takes none.

    `wanted`: whether any stage would take one. `--resources gpu=N` overrides what is counted; above
    the number of devices, trainings share them.
    """
    if not workflow.is_main_process:
        if os.environ.get(OFFERED) == "":
            return None
        try:
            return whole(OFFERED, 0)
        except PipelineError as error:
            raise WorkflowError(str(error)) from None
    asked = workflow.global_resources.get("gpu")
    offered: int | None = asked.value if asked is not None else None
    # While Snakemake reads the Snakefile, it does not tell its executor; nodes are a cluster's jobs.
    if workflow.resource_settings.nodes is not None:
        if wanted and shutil.which("sinfo") and not any(p.gpu for p in cluster().values()):
            offered = 0
    else:
        if offered is None:
            offered = len(gpus.devices()) if wanted else 0
            workflow.register_resource("gpu", offered)
        os.environ[gpus.SLOTS] = str(offered)
    os.environ[OFFERED] = "" if offered is None else str(offered)
    return offered


def check_cluster(workflow) -> None:
    """WorkflowError if the cluster cannot run what is about to be submitted."""
    if not on_slurm(workflow):
        return
    requests = [
        slurm.Request(
            stage=job.rule.name,
            threads=job.threads,
            gpu=job.resources.get("gpu", 0),
            resources={name: value for name, value in job.resources.items()},
        )
        for job in workflow.dag.needrun_jobs()
        if not job.is_local
    ]
    try:
        slurm.check_environment()
        if warning := slurm.unlimited(requests):
            print(warning, file=sys.stderr)
        slurm.check(requests, slurm.partitions())
    except PipelineError as error:
        raise WorkflowError(str(error)) from None


def cluster() -> dict[str, slurm.Partition]:
    try:
        return slurm.partitions()
    except PipelineError as error:
        raise WorkflowError(str(error)) from None


def on_slurm(workflow) -> bool:
    return workflow.executor_plugin is not None and workflow.executor_plugin.name == "slurm"
