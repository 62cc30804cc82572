"""Settings that fit a user's pictures: sizes, steps, minibatches, numbers of the evaluation."""

import json
import math
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from string import Template

from pipeline.config.editing import plain
from pipeline.config.models.gan.sizes import LARGEST, SMALLEST
from pipeline.errors import ConfigError
from pipeline.start.pictures import FEWEST_TO_TEST, Pictures, tenth

FOLDER = Path(__file__).with_name("presets")
CONVOLUTIONAL = ("dcgan", "resnet")
LARGEST_MLP = 3_072  # numbers of an image of 32 x 32 in colour: fully connected nets grow with them
# pixels a side that two cores can learn; larger ones only where --size says so
LARGEST_UNASKED = 64
USUAL_SIDE = 32  # pixels, to which larger pictures are brought
MOST_EPOCHS = 1_000  # more show a small folder so often that D knows it by heart
LEAST_STEPS = 10
FEWEST_TO_TRAIN = 40  # pictures to train on; of 60, the fewest in all, 48 are
FEW_STEPS = 1_000  # of which fewer draw hardly more than colours
COMMENT_COLUMN = 39  # of comments behind values
# how pictures in one file, and in a folder, get classes
CLASSES_BY = (
    "give each picture a label in the file, as docs/data.md says",
    "sort the pictures into a sub-folder for each class",
)
MOST_CLASSES = 50  # of which the players are told without being asked


@dataclass(frozen=True)
class Wishes:
    """What the user said; None: as the pictures suggest."""

    preset: str | None = None
    size: tuple[int, int] | None = None  # height, width
    conditional: bool | None = None
    minutes: float = 2.0  # of training, on two cores


@dataclass(frozen=True)
class Choice:
    """What is written for them."""

    preset: str
    height: int
    width: int
    conditional: bool
    batch: int
    steps: int
    validation: int
    notes: tuple[str, ...]  # on what was chosen for the user


def choose(pictures: Pictures, wishes: Wishes) -> Choice:
    """ConfigError says why something does not fit, and what to write instead."""
    if not 0 < wishes.minutes <= 100_000:
        raise ConfigError(f"--minutes {wishes.minutes:g}: expected more than 0, up to 100,000")
    notes: list[str] = []
    height, width = size_of(pictures, wishes, notes)
    fits = min(height, width) >= SMALLEST and max(height, width) <= LARGEST
    preset = wishes.preset or ("dcgan" if fits else "quick")
    numbers = height * width * pictures.channels
    if preset in CONVOLUTIONAL and not fits:
        raise ConfigError(
            f"preset {preset} is for pictures of {SMALLEST} to {LARGEST} pixels a side, these would be "
            f"{height} x {width}: {resize_them(pictures)}, or take --preset quick"
        )
    if preset not in CONVOLUTIONAL and numbers > LARGEST_MLP:
        raise ConfigError(
            f"preset {preset} has fully connected nets, for up to {LARGEST_MLP:,} numbers an image, and "
            f"{height} x {width} x {pictures.channels} are {numbers:,}: {resize_them(pictures)}"
            + (", or take --preset dcgan or resnet" if fits else "")
        )
    conditional = is_conditional(pictures, wishes, notes)
    validation = tenth(pictures.count)
    training = pictures.count - pictures.test - validation
    if training < FEWEST_TO_TRAIN:
        raise ConfigError(
            f"{pictures.path} holds {pictures.count:,} pictures, {pictures.test:,} of which test by the names of their files "
            f"(test*): {training} are left to train on, and {FEWEST_TO_TRAIN} or more are needed"
        )
    if pictures.test < FEWEST_TO_TEST:
        raise ConfigError(
            f"{pictures.path} holds {pictures.count:,} pictures, {pictures.test:,} of which test by the names of their files "
            f"(test*), and {FEWEST_TO_TEST} or more are needed: move some there, or name no file so"
        )
    batch = 64 if training >= 2_000 else 32
    step = seconds_of_a_step(preset, height * width, pictures.channels, batch, conditional)
    wanted = wishes.minutes * 60 / step
    if wanted < FEW_STEPS:
        large = pictures.are_resized and max(height, width) > USUAL_SIDE
        smaller = f", or --size {USUAL_SIDE}" if large else ""
        notes.append(
            f"a step takes about {step:.2g} s, and shapes need about {FEW_STEPS:,} of them: add --minutes "
            f"{math.ceil(step * FEW_STEPS / 60)}{smaller}"
        )
    if pictures.in_git:
        notes.append(
            "git add --all would commit the pictures, which DVC keeps and shares; so that it does not: echo "
            f"{shlex.quote(pattern_of(Path(pictures.path)))} >> .gitignore"
        )
    steps = min(wanted, MOST_EPOCHS * training / batch)
    return Choice(
        preset, height, width, conditional, batch, rounded(steps), validation, tuple(notes)
    )


def resize_them(pictures: Pictures) -> str:
    """How they are brought to USUAL_SIDE."""
    size = f"--size {USUAL_SIDE}"
    return f"add {size}" if pictures.are_resized else f"unpack them and give the folder with {size}"


def pattern_of(path: Path) -> str:
    """What .gitignore calls a file or folder in here."""
    name = f"/{path.resolve().relative_to(Path.cwd())}"
    return f"{name}/" if path.is_dir() else name


def size_from(text: str) -> tuple[int, int]:
    """Height and width of 32 or 48x64; ConfigError for anything else, or beyond what a folder takes."""
    found = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", text)
    if not found or not all(4 <= int(side) <= 1_024 for side in found.groups(found[1])):
        raise ConfigError(
            f"--size {text}: expected pixels from 4 to 1024, such as 32, or HEIGHTxWIDTH such as 48x64"
        )
    return int(found[1]), int(found[2] or found[1])


def size_of(pictures: Pictures, wishes: Wishes, notes: list[str]) -> tuple[int, int]:
    """Height and width to bring the pictures to."""
    if not pictures.are_resized:
        return as_they_are(pictures, wishes)
    if wishes.size is None and len(pictures.sizes) > 1:
        common = pictures.sizes.most_common(3)
        listed = ", ".join(f"{count:,} of {h} x {w}" for (h, w), count in common)
        more = f" and {len(pictures.sizes) - 3} more" if len(pictures.sizes) > 3 else ""
        raise ConfigError(
            f"{pictures.path} holds pictures of {len(pictures.sizes)} sizes (height x width: {listed}{more}). "
            f"Say to which one they are brought: add --size {USUAL_SIDE} (or HEIGHTxWIDTH, such as 48x64)"
        )
    found = next(iter(pictures.sizes))
    if wishes.size is not None:
        return wishes.size
    if max(found) <= LARGEST_UNASKED and min(found) >= 4:
        return found
    notes.append(
        f"the pictures, of {found[0]} x {found[1]}, are brought to {USUAL_SIDE} x {USUAL_SIDE}, which two cores "
        "can learn; --size 64 is finer and slower"
    )
    return USUAL_SIDE, USUAL_SIDE


def as_they_are(pictures: Pictures, wishes: Wishes) -> tuple[int, int]:
    """Height and width of pictures in one file, which are not resized."""
    found = next(iter(pictures.sizes))
    if wishes.size not in (None, found):
        raise ConfigError(
            f"--size: the pictures of {pictures.path} have {found[0]} x {found[1]} pixels, and those of a "
            f"{pictures.source} file stay as they are: leave --size out, or unpack them and give the folder"
        )
    return found


def is_conditional(pictures: Pictures, wishes: Wishes, notes: list[str]) -> bool:
    """Whether the players are told the class."""
    count = len(pictures.classes)
    if wishes.conditional and not count:
        raise ConfigError(
            f"--conditional: {pictures.path} holds one class; {CLASSES_BY[pictures.are_resized]}, two or more, or leave "
            "--conditional out"
        )
    if not count:
        notes.append(
            "one class: nothing tells the pictures apart, so FID compares principal components instead of a "
            f"classifier's features; for more, {CLASSES_BY[pictures.are_resized]}"
        )
    elif wishes.conditional is None and count > MOST_CLASSES:
        notes.append(
            f"{count} classes are many: the players are not told; --conditional tells them"
        )
    default = 0 < count <= MOST_CLASSES
    return default if wishes.conditional is None else wishes.conditional


def seconds_of_a_step(
    preset: str, pixels: int, channels: int, batch: int, conditional: bool
) -> float:
    """Estimated for two threads on a Xeon (AVX-512, float32) that does nothing else; beside other work a step takes
    several times as long. Medians of 5 to 50 steps there, of 8 to 64 pixels a side and minibatches of 32 and 64, are
    0.75 to 1.3 times as long. Channels cost a DCGAN its first and last layer only, a ResNet next to nothing, and so
    does the class cost both; fully connected nets grow with the numbers that G gives and D sees, the class as a
    channel included.
    """
    numbers = pixels * (2 * channels + conditional)
    fixed, per_image = {
        "dcgan": (0.004, 1.4e-3 * pixels / 784 * (0.9 + 0.1 * channels)),
        "paper": (0.015 + 2e-6 * numbers, 0.15e-6 * numbers),
        "quick": (0.003 + 0.9e-6 * numbers, 0.035e-6 * numbers),
        "resnet": (0.006, 4.5e-3 * pixels / 784),
        "vae_gan": (0.012 + 0.4e-6 * numbers, 0.16e-6 * numbers),
    }[preset]
    return fixed + per_image * batch


def rounded(steps: float) -> int:
    """Two digits, at least LEAST_STEPS."""
    steps = max(steps, LEAST_STEPS)
    unit = 10 ** max(0, math.floor(math.log10(steps)) - 1)
    return max(LEAST_STEPS, int(steps // unit * unit))


def dataset_text(name: str, pictures: Pictures, choice: Choice) -> str:
    """The lines of the dataset, commented."""
    return filled("dataset", name, pictures, choice)


def run_text(name: str, pictures: Pictures, choice: Choice) -> str:
    """The lines of the run, commented."""
    return filled(choice.preset, name, pictures, choice)


def filled(template: str, name: str, pictures: Pictures, choice: Choice) -> str:
    training = pictures.count - pictures.test - choice.validation
    epochs = choice.steps * choice.batch / training
    every = max(1, choice.steps // 10)
    values = {
        "name": name,
        "count": f"{pictures.count:,}",
        "source": pictures.source,
        "path": quoted(pictures.path),
        "height": choice.height,
        "width": choice.width,
        "channels": pictures.channels,
        "digest": quoted(pictures.digest),
        "test_share": f"{pictures.test / pictures.count:.4g}",
        "validation": choice.validation,
        "steps": choice.steps,
        "half": max(1, choice.steps // 2),
        "epochs": f"{epochs:,.0f}",
        "batch": choice.batch,
        "log_steps": max(1, choice.steps // 50),
        "grid_steps": every,
        "samples": 10_000 if training >= 10_000 else 2_000,
        "real": min(training, 10_000),
        "chosen": min(choice.validation, 1_000),
    }
    text = (FOLDER / f"{template}.yaml").read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    unused = [] if choice.conditional else ["conditional:"]
    unused += [] if pictures.are_resized else ["resize:"]
    lines = [line for line in lines if not line.lstrip().startswith(tuple(unused))]
    filled_in = Template("".join(lines)).substitute(values)
    return "".join(map(aligned, filled_in.splitlines(keepends=True)))


def aligned(line: str) -> str:
    """`line` with the comment behind its value at COMMENT_COLUMN, or two blanks after a longer value."""
    found = re.fullmatch(r"(\s*[^#\s].*?)\s{2,}(# .*\n)", line)
    return f"{found[1].ljust(COMMENT_COLUMN - 2)}  {found[2]}" if found else line


def quoted(text: str) -> str:
    """`text` as a YAML string, in quotes only where it needs them."""
    simple = re.fullmatch(r"[A-Za-z./][\w./-]*", text)
    return (
        text
        if simple and plain(f"[{text}]") == [text]
        else json.dumps(text, ensure_ascii=not text.isprintable())
    )
