"""Toronto Face Database: faces of 48 x 48, grey (Susskind, Anderson and Hinton 2010).

Its makers give it out on request. Name your copy of TFD_48x48.mat in params.yaml.
"""

import hashlib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from pipeline.config.datasets import Tfd
from pipeline.errors import SourceError
from pipeline.io.files import reading
from pipeline.sources.raw import TEST, TRAIN, UNUSED, VALID, Raw

FOLDS = 5
NAMES = ("images", "folds", "labs_ex")
# what folds[i, f] says of image i: unlabeled, or in the training, validation or test part of fold f.
# Like the authors we train on the unlabeled images, which are the same in all folds.
PARTS = np.array([TRAIN, UNUSED, VALID, TEST], np.uint8)
NO_EXPRESSION = -1
EXPRESSIONS = (NO_EXPRESSION, 1, 2, 3, 4, 5, 6, 7)


def fetch(source: Tfd) -> Raw:
    """102,236 images; `folds` goes with them, so that the Parzen estimate can be made on each fold."""
    path = Path(source.path)
    content = read(path)
    images, folds = content["images"], content["folds"]
    if images.ndim != 3 or images.dtype != np.uint8 or folds.shape != (len(images), FOLDS):
        raise SourceError(
            f"{path}: expected uint8 images [N, 48, 48] and folds [N, {FOLDS}], got {images.dtype} "
            f"{list(images.shape)} and {list(folds.shape)}. Is it TFD_48x48.mat or TFD_96x96.mat?"
        )
    if not np.isin(folds, range(len(PARTS))).all():
        raise SourceError(f"{path}: folds hold values other than 0, 1, 2, 3")
    folds = folds.astype(np.int64)
    if not len(images) or any(not (folds == part).any() for part in (0, 2, 3)):
        raise SourceError(
            f"{path}: no images, or a fold without training, validation or test images"
        )
    expressions = content["labs_ex"].reshape(-1)  # 1..7
    if len(expressions) != len(images) or not np.isin(expressions, EXPRESSIONS).all():
        raise SourceError(
            f"{path}: labs_ex must hold one of {EXPRESSIONS[0]}, 1, ... {EXPRESSIONS[-1]} for each of the "
            f"{len(images):,} images, got {expressions.dtype} {list(expressions.shape)} with other values"
        )
    expressions = expressions.astype(np.int64)
    return Raw(
        images=images[..., None],
        labels=np.where(expressions == NO_EXPRESSION, -1, expressions - 1),
        split=PARTS[folds[:, source.fold]],
        folds=folds.astype(np.uint8),
        provenance={
            "source": f"local file {path}",
            "fold": source.fold,
            "sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest()},
        },
    )


def read(path: Path) -> dict[str, np.ndarray]:
    """Arrays `images`, `folds` and `labs_ex` of the file; SourceError if it is missing or another file."""
    if not path.is_file():
        raise SourceError(
            f"{path} is missing. Its makers give TFD out on request: put TFD_48x48.mat there, or set "
            "the dataset's source.path in params.yaml to where it is"
        )
    with (
        reading(
            path,
            "MATLAB file of version 5 to 7",
            SourceError,
            "Is it TFD_48x48.mat or TFD_96x96.mat, and complete?",
        ),
        # a process of its own: scipy crashes, rather than raise, on some damaged files
        ProcessPoolExecutor(1, get_context("spawn")) as process,
    ):
        content = process.submit(load, path).result()
    for key in NAMES:
        if not isinstance(content.get(key), np.ndarray):
            raise SourceError(f"{path}: has no {key!r}; is it TFD_48x48.mat or TFD_96x96.mat?")
    return content


def load(path: Path) -> dict[str, np.ndarray]:
    """The arrays NAMES of a MATLAB file, as far as it has them."""
    from scipy.io import loadmat  # half a second to import

    content = loadmat(path, variable_names=NAMES)
    return {key: content[key] for key in NAMES if key in content}
