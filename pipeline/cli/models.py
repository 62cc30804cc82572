"""Commands for trained models in other hands: draw, export."""

import argparse
from pathlib import Path

from pipeline.cli.named import Add


def commands(add: Add) -> None:
    draw_options(add("draw", draw, "pictures from a trained model: samples, ways between them"))
    export_options(
        add("export", export, "a trained model as a file that works without this project")
    )


def model_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "model", metavar="RUN|MODEL", help="a run, its folder, or a model.safetensors from anywhere"
    )
    command.add_argument(
        "--weights",
        choices=("ema", "raw"),
        help="the moving average, or as the last step left them (default: ema where there is one)",
    )


def draw_options(command: argparse.ArgumentParser) -> None:
    model_options(command)
    command.add_argument(
        "--count", type=int, help="samples (default: 100); with --interpolate points (default: 8)"
    )
    command.add_argument("--seed", type=int, default=0, help="of the random points (default: 0)")
    command.add_argument(
        "--label",
        help="of a conditional model: a class by number or name, or each: all in turn (default, of samples)",
    )
    command.add_argument(
        "--truncation",
        type=float,
        metavar="STD",
        help="draw coordinates of the latent space again that are further from 0",
    )
    command.add_argument(
        "--rejection",
        type=float,
        metavar="SHARE",
        help="keep that share of a GAN's samples, those that D takes for data",
    )
    command.add_argument(
        "--interpolate",
        type=int,
        metavar="STEPS",
        help="images from each random point to the next, and from the last to the first",
    )
    command.add_argument(
        "--path",
        choices=("great_circle", "line"),
        help="between points (default: great_circle for gaussian latent spaces)",
    )
    command.add_argument(
        "--out",
        type=Path,
        help=".png: one sheet (default: RUN.png); .npy; .gif: an animation; else a folder for single pictures",
    )


def draw(options: argparse.Namespace) -> None:
    from pipeline import load
    from pipeline.use.draw import Wishes, draw

    wishes = Wishes(
        count=options.count,
        seed=options.seed,
        label=options.label,
        truncation=options.truncation,
        rejection=options.rejection,
        steps=options.interpolate,
        path=options.path,
    )
    print(draw(load(options.model, options.weights), wishes, options.out))


def export_options(command: argparse.ArgumentParser) -> None:
    model_options(command)
    command.add_argument(
        "--out",
        type=Path,
        help=".pt2: a program for PyTorch (default: RUN.pt2); .onnx; .html: a page to play with",
    )


def export(options: argparse.Namespace) -> None:
    from pipeline import load
    from pipeline.use.export import export

    print(export(load(options.model, options.weights), options.out))
