"""Checks a run's settings against its dataset and its other sections, before anything is trained."""

from typing import TYPE_CHECKING

from pipeline.config.datasets import Dataset, MixturePoints, Tfd
from pipeline.config.models.gan.augmentation import Augmentation
from pipeline.config.models.gan.autoencoders import Vae
from pipeline.config.models.gan.losses import is_critic
from pipeline.config.models.gan.sizes import SizeError, check_net
from pipeline.config.models.gan.tips import Labels
from pipeline.config.models.gan.train import Train
from pipeline.config.sample import Sample

if TYPE_CHECKING:
    from pipeline.config.params import Run

# characters of a name: files, rules and jobs are named after it, with more around it
MAX_NAME_LENGTH = 100
# files that the project itself writes into results/, without suffix
RESERVED = ("likelihoods", "params", "scores", "summary", "table")


def check_names(kind: str, names: list[str]) -> None:
    """ValueError for a name that is too long, ours, or the same as another on a disk that ignores case.

    `names`: that share a folder, of the group `kind` the last of them.
    """
    seen: dict[str, str] = {}
    for name in names:
        if len(name) > MAX_NAME_LENGTH:
            raise ValueError(
                f"{kind}.{name[:20]}...: a name of {len(name)} characters; files are named after it, so use "
                f"{MAX_NAME_LENGTH} or fewer"
            )
        if name.lower() in RESERVED:
            raise ValueError(
                f"{kind}.{name}: the project keeps files of its own under this name; choose another "
                f"(reserved: {', '.join(RESERVED)})"
            )
        if name in seen.values():
            raise ValueError(
                f"{kind}.{name}: runs: has a run of this name, and both would write results/{name}; rename one"
            )
        if name.lower() in seen:
            raise ValueError(
                f"{kind}.{name} and {kind}.{seen[name.lower()]} differ in capitals only, so they share "
                "files on some computers; rename one"
            )
        seen[name.lower()] = name


def check_sections(run: "Run") -> None:
    """ValueError if sections of a run contradict each other."""
    train, sample = run.train, run.sample
    if run.threads < train.devices:
        raise ValueError(
            f"threads is {run.threads}, but train.devices is {train.devices}: they share the "
            f"threads, so set threads: {train.devices} or more"
        )
    if sample.weights == "ema" and train.ema is None:
        raise ValueError("sample.weights is ema, but train.ema is not set: nothing to sample from")
    has_bound = isinstance(train, Train) and isinstance(train.autoencoder, Vae)
    if sample.importance_samples is not None and not has_bound:
        raise ValueError(
            "sample.importance_samples is of the bound of a VAE's likelihood; leave it out, or set "
            "train.autoencoder: {name: vae, ...}"
        )
    if isinstance(train, Train):
        check_sampling_of_gan(train, sample)
    elif sample.rejection:
        raise ValueError(
            f"sample.rejection asks the discriminator of a gan, which model: {train.family} has not got; leave it out"
        )
    elif "interpolation" in sample.model_fields_set:
        raise ValueError(
            f"sample.interpolation is of the noise of a gan, which model: {train.family} has not got; "
            "leave it out"
        )


def check_sampling_of_gan(train: Train, sample: Sample) -> None:
    """ValueError if what is drawn does not suit the players."""
    if train.conditional and "grid_rows" in sample.model_fields_set:
        raise ValueError(
            "sample.grid_rows: the picture of a conditional G has a row for each class; leave it out"
        )
    if sample.rejection and (reason := against_rejection(train)):
        raise ValueError(f"sample.rejection {reason}; leave one of them out")
    if sample.interpolation == "great_circle" and train.noise.dim == 1:
        raise ValueError(
            "sample.interpolation is great_circle, but train.noise.dim is 1: a line has no circles; "
            "use interpolation: line"
        )


def against_rejection(train: Train) -> str | None:
    """Why D's logit of a sample is no estimate of log p(x) / q(x), as the end of a sentence; None if it is one."""
    if is_critic(train.loss):
        return f"asks D for a probability, and with train.loss: {train.loss} it is a critic"
    if train.labels != Labels():
        return "asks D how much likelier data are than samples, and with train.labels its targets are other shares"
    if train.discriminator.minibatch_discrimination:
        return "asks D about one sample, and with minibatch_discrimination it judges a batch"
    return None


def check_fit(run: "Run", dataset: Dataset) -> None:
    """ValueError that names the key of the run, what is wrong and what to write."""
    if isinstance(run.train, Train):
        check_gan(run.train, dataset)
    else:
        try:
            bounded = dataset.normalize.gcn is None
            run.train.check_images(dataset.image_shape, bounded, dataset.training_images)
        except ValueError as error:
            raise ValueError(f"train.{error}") from None
    check_parzen(run, dataset)


def check_gan(train: Train, dataset: Dataset) -> None:
    """ValueError if the settings of a GAN do not suit the images of `dataset`."""
    source = dataset.source
    if train.consistency and train.consistency.shift >= min(dataset.image_shape[1:]):
        raise ValueError(
            f"train.consistency.shift is {train.consistency.shift}, and images have "
            f"{dataset.image_shape[1]} x {dataset.image_shape[2]} pixels: nothing of them would be left. Set it to less"
            + (", or leave consistency out for points" if isinstance(source, MixturePoints) else "")
        )
    if train.conditional and isinstance(source, MixturePoints):
        raise ValueError(
            "train.conditional is for images; for points of a mixture D is compared with the optimum "
            "of the whole density"
        )
    if train.discriminator.minibatch_discrimination and isinstance(source, MixturePoints):
        raise ValueError(
            "train.discriminator.minibatch_discrimination is for images; for points of a mixture D is compared with the "
            "optimum at every point, and this D judges a point by those beside it"
        )
    if train.augmentation:
        check_augmentation(train.augmentation, dataset)
    if train.conditional and isinstance(source, Tfd):
        raise ValueError(
            "train.conditional needs labels, which TFD's training images have not got; leave it out"
        )
    if dataset.normalize.gcn is not None and isinstance(train.autoencoder, Vae):
        raise ValueError(
            "train.autoencoder: a vae's likelihood is of images of 256 grey levels, and its dataset is "
            "contrast-normalised (gcn); leave out normalize.gcn, or use name: vae_gan"
        )
    if dataset.normalize.gcn is not None and train.generator.output != "linear":
        raise ValueError(
            f"train.generator.output is {train.generator.output}, but its dataset is "
            "contrast-normalised (gcn), so pixels have no bounds: use output: linear"
        )
    try:
        check_net("generator", train.generator, dataset.image_shape)
        check_net("discriminator", train.discriminator, dataset.image_shape)
        if train.autoencoder:
            key = "autoencoder.encoder"
            check_net(key, train.autoencoder.encoder, dataset.image_shape)
    except SizeError as error:
        raise ValueError(f"train.{error}") from None
    count = dataset.training_images
    if count is not None:
        try:
            train.check_images(count)
        except ValueError as error:
            raise ValueError(f"train.{error}") from None


def check_augmentation(augmentation: Augmentation, dataset: Dataset) -> None:
    """ValueError where there is nothing to transform, or no whole pixel of it."""
    if isinstance(dataset.source, MixturePoints):
        raise ValueError(
            "train.augmentation is for images; points of a mixture have nothing to move, cut or mirror: leave it out"
        )
    side = min(dataset.image_shape[1:])
    for key, share in (
        ("translation", augmentation.translation),
        ("cutout", augmentation.cutout),
    ):
        if 0 < share * side < 0.5:
            raise ValueError(
                f"train.augmentation.{key} is {share:g}, less than half a pixel of images of this size, so it would do "
                f"nothing; set {0.5 / side:.3g} or more, or leave it out"
            )


def check_parzen(run: "Run", dataset: Dataset) -> None:
    """ValueError if more validation images are asked for than `dataset` has."""
    if isinstance(dataset.source, Tfd):
        for key in ("validation_images", "test_images"):
            if key in run.parzen.model_fields_set:
                raise ValueError(
                    f"parzen.{key}: TFD's folds say which images validate and test, all of them; leave it "
                    "out"
                )
        return
    available = dataset.normalize.validation_images
    assert available is not None  # all but TFD say how many
    asked_for = "validation_images" in run.parzen.model_fields_set
    if asked_for and run.parzen.validation_images > available:
        raise ValueError(
            f"parzen.validation_images is {run.parzen.validation_images:,}, but {run.dataset} has {available:,}: "
            f"set it to that or less, or datasets.{run.dataset}.normalize.validation_images to more"
        )
