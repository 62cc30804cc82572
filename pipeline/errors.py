"""Mistakes a user can make or meet. The command line prints them without a traceback."""


class PipelineError(Exception):
    """Base of all of them: the message says what, where, what was expected and what to do."""


class ConfigError(PipelineError):
    """params.yaml (or a value given on the command line) is not valid."""


class DataError(PipelineError):
    """A data file is missing, damaged, or not of the expected type, shape or range."""


class SourceError(PipelineError):
    """No source delivered a dataset, or one delivered something else."""


class TrainingError(PipelineError):
    """Training cannot start or cannot go on."""


class PeerLost(SystemExit):
    """Another rank of the run has died. Who started the ranks says which and why; this one just ends."""

    CODE = 75
