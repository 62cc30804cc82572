# Rules for the stages of dvc.yaml, which is the only description of the pipeline: nothing about a
# stage stands here. `snakemake --cores all` runs what DVC finds stale, in parallel; each job is the
# `dvc repro` of one stage, so dvc.lock is right whichever engine ran. See pipeline/engine/workflow.py.

import sys

sys.path.insert(0, workflow.basedir)

from pipeline.engine import screen
from pipeline.engine.workflow import load

pipeline = load(
    config,
    judge=workflow.is_main_process,
    wait=not workflow.output_settings.dryrun,
    screen=screen.take_over(workflow),
)
pipeline.place(workflow)


report: pipeline.description()


onstart:
    pipeline.started(workflow)


onerror:
    pipeline.failed()


rule all:
    default_target: True
    input:
        pipeline.everything(),


for stage in pipeline.rules:

    rule:
        name:
            stage.name
        input:
            pipeline.inputs(stage),
        output:
            pipeline.outputs(stage),
        log:
            stage.log,
        localrule: stage.local
        threads: stage.threads
        resources:
            **pipeline.resources(stage),
        params:
            stage=stage.stage,
        shell:
            pipeline.command
