"""From settings to the rules of a game: its losses, and what the tips add to them."""

from collections.abc import Callable, Iterator
from functools import partial

from torch import Tensor

from pipeline.compute.streams import Streams
from pipeline.config.models.gan.autoencoders import VaeGan
from pipeline.config.models.gan.train import Train
from pipeline.models.common.batches import Real
from pipeline.models.common.player import Player
from pipeline.models.gan.game import hybrids, losses, regularisers, terms
from pipeline.models.gan.game.augmentation import Augment, mirrored
from pipeline.models.gan.game.instance_noise import InstanceNoise
from pipeline.models.gan.game.past_players import PastPlayers
from pipeline.models.gan.game.replay import Replay
from pipeline.models.gan.game.targets import Targets
from pipeline.models.gan.game.updates import Game, Stateful, Term
from pipeline.models.gan.nets import DiscriminatorOutput
from pipeline.models.gan.noise import Latent


def game(
    settings: Train,
    *,
    G: Player,
    D: Player,
    judge: Callable[[Tensor, Tensor | None], DiscriminatorOutput],
    next_real: Callable[[], Real],
    next_latent: Callable[[int], Latent],
    image_by_image: bool,
    streams: Streams,
    coder: hybrids.Coder | None = None,
) -> Game:
    """The game that `settings` describe.

    `judge`: D, compiled or not; `image_by_image`: whether it judges each image by itself; `coder`: of a
    hybrid.
    """
    augment = augmentation(settings, D, streams)
    instance_noise = InstanceNoise(settings.instance_noise, streams["instance_noise"])
    show = augment.before(instance_noise) if augment else instance_noise
    targets = Targets(settings.labels, streams["targets"])
    pair = losses.PAIRS[settings.loss](targets)
    memory: dict[str, Stateful] = {}
    rules: dict = {}
    if settings.augmentation and settings.augmentation.mirror:
        next_real = mirrored(next_real, streams["mirror"])
    if augment:
        memory["augmentation"] = augment
        rules["watch"] = augment.watch
    if settings.replay:
        rules["replay"] = memory["replay"] = Replay(settings.replay, streams["replay"])
    if settings.past_players:
        players = {"G": G, "D": D}
        past = PastPlayers(settings.past_players, players, streams["past_players"])
        memory["past_players"] = past
        rules["as_opponent"] = past.as_opponent
    if settings.balance:
        rules["discriminator_learns"] = learns_above(settings.balance.train_discriminator_above)
        rules["generator_learns"] = learns_above(settings.balance.train_generator_above)
    pull_weights(settings, G, D, memory)
    if settings.top_k:
        rules["g_learns_from"] = regularisers.top_k(settings.top_k)
    alike = augment.alike(instance_noise) if augment else None
    discriminator_terms = terms_of_discriminator(settings, judge, show, alike, streams, memory)
    generator_terms = terms_of_generator(settings, judge, show)
    if coder is not None:
        rules["generator_step"] = partial(hybrids.generator_step, coder)
        if isinstance(settings.autoencoder, VaeGan):
            scale = settings.discriminator_loss_scale
            discriminator_terms += (
                hybrids.reconstructions_are_samples(coder, G, judge, show, scale),
            )
    return Game(
        G=G,
        D=D,
        next_real=next_real,
        next_latent=next_latent,
        judge=judge,
        show=show,
        discriminator_loss=discriminator_loss(settings, pair),
        generator_loss=generator_loss(settings, pair),
        compares=settings.loss in losses.COMPARES,
        discriminator_terms=discriminator_terms,
        generator_terms=generator_terms,
        image_by_image=image_by_image,
        joint=settings.batches == "joint",
        fresh_noise=settings.fresh_noise,
        one_backward_pass=not discriminator_terms
        and not generator_terms
        and not settings.top_k
        and gradients_are_proportional(settings, targets),
        memory=memory,
        **rules,
    )


def pull_weights(settings: Train, G: Player, D: Player, memory: dict[str, Stateful]) -> None:
    """Add to the players' steps what acts on their weights alone."""
    if settings.historical_averaging:
        for name, player in (("G", G), ("D", D)):
            average = terms.HistoricalAverage(settings.historical_averaging, player)
            memory[f"history_{name}"] = average
    if settings.orthogonal:
        for name, player in (("generator", G), ("discriminator", D)):
            if settings.orthogonal.players in (name, "both"):
                regularisers.pull_to_orthogonal(player, settings.orthogonal.weight)


def augmentation(settings: Train, D: Player, streams: Streams) -> Augment | None:
    """Of what D sees; None where nothing but a mirror is on."""
    chosen = settings.augmentation
    if chosen is None or not chosen.of_inputs:
        return None
    return Augment(
        chosen,
        streams["augmentation"],
        symmetric=settings.pixels == "symmetric",
        batch_size=settings.batch_size,
        average=D.world.average,
    )


def learns_above(least: float | None) -> Callable[[Tensor], bool]:
    """Whether a player learns at a loss: always, or only above `least` (ganhacks 11)."""
    return lambda loss: least is None or loss.item() > least


def discriminator_loss(settings: Train, pair: losses.Pair) -> Callable[[Tensor, Tensor], Tensor]:
    """D's loss as a function of D's outputs [B] for real and fake images, scaled."""
    return lambda real_B, fake_B: settings.discriminator_loss_scale * pair.D(real_B, fake_B)


def gradients_are_proportional(settings: Train, targets: Targets) -> bool:
    """Whether `slope_ratio` turns D's gradient for a sample into G's without loss of precision.

    The derivative of D's loss at the sample's logit l must not vanish: a cross-entropy with hard targets has
    sigmoid(l). Where D wins that is tiny and underflows in fp16, and the ratio cannot restore it. The minimax
    loss has the derivative -sigmoid(l), so there the ratio is -1. A critic's derivative vanishes where it has
    won (hinge, least squares), or each of its gradients costs two passes anyway (a penalty on its slope).
    """
    if not targets.hard:
        return False
    proportional = (
        {"minimax"} if settings.precision == "fp16" else {"minimax", "non_saturating", "label_flip"}
    )
    return settings.loss in proportional


def generator_loss(settings: Train, pair: losses.Pair) -> Callable[[Tensor | None, Tensor], Tensor]:
    """G's loss, as a function as in a `Pair`; 0 where feature matching takes its place."""
    if settings.feature_matching and settings.feature_matching.alone:
        return lambda real_B, fake_B: fake_B.new_zeros(())
    return pair.G


def slope_penalties(
    settings: Train, judge: terms.Judge, show: terms.Show, streams: Streams
) -> Iterator[tuple[str, regularisers.SlopePenalty]]:
    """The penalties on D's slope by their names."""
    penalty = partial(regularisers.SlopePenalty, judge=judge, show=show)
    if r1 := settings.r1:
        yield (
            "r1",
            penalty(r1.gamma.at, r1.every_steps, regularisers.zero_centred, regularisers.data),
        )
    if r2 := settings.r2:
        yield (
            "r2",
            penalty(r2.gamma.at, r2.every_steps, regularisers.zero_centred, regularisers.samples),
        )
    if gp := settings.gradient_penalty:
        cost = {"one": regularisers.one_sided, "two": regularisers.two_sided}[gp.sides]
        at = regularisers.between(streams["interpolation"])
        yield "gradient_penalty", penalty(gp.weight.at, gp.every_steps, cost, at)


def terms_of_discriminator(
    settings: Train,
    judge: terms.Judge,
    show: terms.Show,
    alike: regularisers.Alike | None,
    streams: Streams,
    memory: dict[str, Stateful],
) -> tuple[Term, ...]:
    """What is added to D's loss; terms with a state join `memory`."""
    found: list[Term] = []
    for name, penalty in slope_penalties(settings, judge, show, streams):
        memory[name] = penalty
        found.append(penalty)
    if settings.consistency:
        stream = streams["consistency"]
        found.append(regularisers.consistency(settings.consistency, stream, judge, show, alike))
    if settings.lecam:
        memory["lecam"] = lecam = regularisers.LeCam(settings.lecam)
        found.append(lecam)
    if settings.auxiliary_classifier:
        found.append(terms.discriminators_classes(settings.auxiliary_classifier))
    return tuple(found)


def terms_of_generator(settings: Train, judge: terms.Judge, show: terms.Show) -> tuple[Term, ...]:
    """What is added to G's loss."""
    found: list[Term] = []
    if settings.feature_matching:
        found.append(terms.feature_matching(settings.feature_matching, judge, show))
    if settings.pixel_matching:
        found.append(terms.pixel_matching(settings.pixel_matching))
    if settings.auxiliary_classifier:
        found.append(terms.generators_classes(settings.auxiliary_classifier))
    return tuple(found)
