"""Commands that read or write params.yaml: check, upgrade, new, sweep."""

import argparse
import sys
from functools import partial
from pathlib import Path

from pipeline import paths, start
from pipeline.cli.named import Add


def commands(add: Add) -> None:
    check_options(add("check", check, "validate params.yaml and every key in it"))
    add(
        "upgrade", upgrade, "give a params.yaml of an earlier version the keys of this one"
    ).add_argument("--file", type=Path, default=paths.PARAMS, help="another params file")
    new_options(add("new", new, "write a dataset and a run of your own pictures into params.yaml"))
    sweep_options(
        add("sweep", sweep, "write variants of a run, such as other seeds, into params.yaml")
    )


def check_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--file", type=Path, default=paths.PARAMS, help="another params file")
    command.add_argument("--out", type=Path, help="write the settings with all defaults filled in")


def check(options: argparse.Namespace) -> None:
    from pipeline.config.notes import notes
    from pipeline.config.params import load

    params = load(options.file)
    for note in notes(params):
        print(f"note: {note}", file=sys.stderr)
    if options.out:
        from pipeline.engine.experiments import check_shared_blocks
        from pipeline.io.files import write_json

        check_shared_blocks(options.file)
        write_json(options.out, params.model_dump(mode="json"))
    print(f"{options.file} is valid: {len(params.datasets)} datasets, {len(params.every_run)} runs")


def upgrade(options: argparse.Namespace) -> None:
    from pipeline.config.upgrade import upgrade

    changed = upgrade(options.file)
    print("\n".join(changed) if changed else f"{options.file} has the keys of this version already")


def new_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", help="of the dataset and of the run")
    pictures = command.add_mutually_exclusive_group(required=True)
    pictures.add_argument("--folder", help="with the pictures; sub-folders are classes")
    pictures.add_argument("--archive", help="a zip, npz or parquet file of pictures of one size")
    command.add_argument(
        "--preset",
        choices=start.PRESETS,
        help="nets and settings (default: dcgan from 16 to 256 pixels, else quick)",
    )
    command.add_argument(
        "--size", metavar="SIDE or HEIGHTxWIDTH", help="bring the pictures to so many pixels"
    )
    command.add_argument(
        "--conditional",
        action=argparse.BooleanOptionalAction,
        help="tell the players the class (default: if there are 2 to 50)",
    )
    command.add_argument(
        "--minutes", type=float, default=2.0, help="of training, about, on two cores (default: 2)"
    )
    command.add_argument("--file", type=Path, default=paths.PARAMS, help="another params file")


def new(options: argparse.Namespace) -> None:
    from pipeline.start import archive, folder
    from pipeline.start.new import new
    from pipeline.start.settings import Wishes, size_from

    size = None if options.size is None else size_from(options.size)
    wishes = Wishes(options.preset, size, options.conditional, options.minutes)
    look = (
        partial(folder.look, options.folder)
        if options.archive is None
        else partial(archive.look, options.archive)
    )
    print("\n".join(new(options.file, options.name, look, wishes)))


def sweep_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "run", metavar="RUN", nargs="?", help="a key of runs: (default: all that have seeds:)"
    )
    command.add_argument(
        "grid", metavar="KEY=VALUE,VALUE", nargs="*", help="seed=0,1,2 train.steps=1000,2000"
    )
    command.add_argument("--file", type=Path, default=paths.PARAMS, help="another params file")
    command.add_argument(
        "--rewrite",
        action="store_true",
        help="rewrite variants that no longer match the run that they vary",
    )
    command.add_argument(
        "--in-full",
        action="store_true",
        help="instead: write out the runs that share blocks (&name, *name), for dvc exp run -S",
    )


def sweep(options: argparse.Namespace) -> None:
    from pipeline.team.sweep import fan_out, sweep, write_in_full

    run, grid, file = options.run, options.grid, options.file
    if options.in_full:
        names = write_in_full(file)
        print(f"{file}: written in full: {', '.join(names) or 'every run was already'}")
        return
    written = sweep(file, run, grid, options.rewrite) if run else fan_out(file, options.rewrite)
    for words, names in (
        ("added", written.added),
        ("rewritten", written.rewritten),
        ("there already", written.present),
    ):
        if names:
            print(f"{file}: {words}: {', '.join(names)}")
    print("Next: snakemake --cores all (or dvc repro)")
