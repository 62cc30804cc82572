import math
from types import SimpleNamespace

import pytest
import torch

from pipeline.config.sample import Sample
from pipeline.errors import DataError
from pipeline.evaluation.families import likelihood
from pipeline.models.common.likelihood import Likelihood


def test_there_is_no_mean_of_log_likelihoods_that_are_not_all_finite():
    values = torch.tensor([-90.0, -math.inf, math.nan])
    of_model = Likelihood("exact", "binarised", "", lambda images, name: values)
    saved = SimpleNamespace(likelihood=lambda weights: of_model, image_shape=(1, 2, 2))
    data = dict.fromkeys(("test_images", "train_images"), torch.zeros(3, 1, 2, 2))
    with pytest.raises(DataError, match="2 of 3 test images have no finite log-likelihood"):
        likelihood.theory(saved, Sample(), data, torch.zeros(3, 1, 2, 2), None)
