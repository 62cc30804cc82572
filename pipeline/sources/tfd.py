"""Toronto Face Database: faces of 48 x 48, grey (Susskind, Anderson and Hinton 2010).

Its makers give it out on request. Name your copy of TFD_48x48.mat in params.yaml.
"""

import hashlib
from pathlib import Path

import numpy as np

from pipeline.config.datasets import Tfd
from pipeline.errors import SourceError
from pipeline.sources.raw import TEST, TRAIN, UNUSED, VALID, Raw

FOLDS = 5
# what folds[i, f] says of image i: unlabeled, or in the training, validation or test part of fold f.
# Like the authors we train on the unlabeled images, which are the same in all folds.
PARTS = np.array([TRAIN, UNUSED, VALID, TEST], np.uint8)
NO_EXPRESSION = -1


def fetch(source: Tfd) -> Raw:
    """102,236 images; `folds` goes with them, so that the Parzen estimate can be made on each fold."""
    path = Path(source.path)
    content = read(path)
    images, folds = content["images"], content["folds"].astype(np.int64)
    if images.ndim != 3 or images.dtype != np.uint8 or folds.shape != (len(images), FOLDS):
        raise SourceError(
            f"{path}: expected uint8 images [N, 48, 48] and folds [N, {FOLDS}], got {images.dtype} "
            f"{list(images.shape)} and {list(folds.shape)}. Is it TFD_48x48.mat or TFD_96x96.mat?"
        )
    if not np.isin(folds, range(len(PARTS))).all():
        raise SourceError(f"{path}: folds hold values other than 0, 1, 2, 3")
    expressions = content["labs_ex"].reshape(-1).astype(np.int64)  # 1..7
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
    from scipy.io import loadmat  # half a second to import

    if not path.is_file():
        raise SourceError(
            f"{path} is missing. Its makers give TFD out on request: put TFD_48x48.mat there, or set "
            "the dataset's source.path in params.yaml to where it is"
        )
    try:
        content = loadmat(path)
        return {key: content[key] for key in ("images", "folds", "labs_ex")}
    except KeyError as missing:
        raise SourceError(
            f"{path}: has no {missing}; is it TFD_48x48.mat or TFD_96x96.mat?"
        ) from None
    except (ValueError, TypeError, NotImplementedError, OSError) as error:
        raise SourceError(f"{path}: not a MATLAB file of version 5 to 7 ({error})") from None
