"""`snakemake` that asks Slurm for news every second.

Where nothing ended, its plugin asks ten seconds later each time, up to three minutes: jobs on
clusters take hours, those of the tests seconds. Nothing else is changed.
"""

import sys

from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor

Executor.next_seconds_between_status_checks = property(lambda self: 1, lambda self, seconds: None)

if __name__ == "__main__":
    sys.argv[0] = "snakemake"
    sys.exit(main(sys.argv[1:]))
