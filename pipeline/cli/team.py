"""Commands for results that several people share: share, fetch, verify, mend, prune."""

import argparse
from pathlib import Path

from pipeline.cli.named import Add
from pipeline.engine.folder import said_in_words
from pipeline.errors import ConfigError


def commands(add: Add) -> None:
    share_command = add("share", share, "push the branch and its results to the team")
    share_command.add_argument(
        "--partial",
        action="store_true",
        help="even if some stages have not run, such as a failing one",
    )
    share_command.add_argument(
        "--all-data",
        action="store_true",
        help="also images of datasets that may not be passed on, such as TFD's",
    )
    add("fetch", fetch, "pull the team's branch and results")
    verify_options(
        add("verify", verify, "run a recipe in a clone, and compare with what is recorded of it")
    )
    add("mend", mend, "repair what a kill -9 of dvc has left")
    prune_options(
        add("prune", prune, "show disk use, and delete results that no kept commit needs")
    )


def share(options: argparse.Namespace) -> None:
    from pipeline.team import share

    with said_in_words():
        share.share(options.partial, options.all_data)


def fetch(options: argparse.Namespace) -> None:
    from pipeline.team import fetch

    with said_in_words():
        fetch.fetch()


def verify_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "recipe",
        metavar="RECIPE",
        nargs="?",
        default="quick",
        help="a file of recipes/ without .yaml, or default: params.yaml (default: quick)",
    )
    command.add_argument(
        "--folder", type=Path, help="where it has run already, instead of a clone of its own"
    )
    command.add_argument(
        "--record", action="store_true", help="write what comes out as what is expected"
    )


def verify(options: argparse.Namespace) -> None:
    from pipeline.verify.run import verify

    verify(options.recipe, options.folder, options.record)


def mend(options: argparse.Namespace) -> None:
    from pipeline.engine import repair

    with said_in_words():
        repair.mend_all()


def prune_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--keep",
        choices=("commits", "branches", "workspace"),
        default="commits",
        help="results of all commits (default), of the tips of branches and tags, or what is here; "
        "those of commits not pushed and of experiments are always kept",
    )
    command.add_argument(
        "--days", type=int, default=14, help="age of logs and checkpoints to drop (default: 14)"
    )
    command.add_argument("--yes", action="store_true", help="do not ask")


def prune(options: argparse.Namespace) -> None:
    from pipeline.team import prune

    if options.days < 0:
        raise ConfigError(f"prune: --days is {options.days}; take 0 or more")
    with said_in_words():
        prune.run(options.keep, options.days, options.yes)
