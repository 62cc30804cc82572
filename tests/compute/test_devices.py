"""What a computer with a GPU would do, as far as one without can tell."""

from functools import partial

import pytest
import torch

from pipeline.compute import devices, scaling, streams
from pipeline.compute.scaling import LossScale
from pipeline.errors import TrainingError
from pipeline.models.common import layers
from pipeline.models.common.player import Player
from pipeline.models.gan import training
from pipeline.models.gan.training import Training
from tests.compute import two_ranks

META, CPU = torch.device("meta"), torch.device("cpu")  # meta: shapes, types and places, no numbers
GIB = 2**30


@pytest.fixture
def on_meta(monkeypatch):
    """A device where no random numbers can be drawn."""
    generator = streams.generator

    def on_cpu(seed, name, device="cpu", rank=0, ranks=1):
        return generator(seed, name, "cpu", rank, ranks)

    monkeypatch.setattr(streams, "generator", on_cpu)
    monkeypatch.setattr(training, "generator", on_cpu)
    monkeypatch.setattr(
        streams, "_own_rows", lambda draw, shape, stream: torch.empty(shape, device=META)
    )
    monkeypatch.setattr(devices, "free_bytes", lambda device: GIB)


@pytest.mark.parametrize("data_on", ["device", "host"])
@pytest.mark.parametrize("game", ["simultaneous", "alternating, BatchNorm"])
def test_a_step_happens_on_the_device_alone(on_meta, game: str, data_on: str):
    """PyTorch refuses to mix devices: whatever is left on the CPU would show."""
    settings = two_ranks.games()[game].model_copy(update={"data_on": data_on})
    game = Training(settings, 0, two_ranks.images(), META)
    for _ in range(7):  # across an epoch's end
        seen = game.advance()
    assert game.batches.images.device == (META if data_on == "device" else CPU)
    game.load_state_dict(game.state_dict())
    tensors = [*seen.values(), game.G.vector, *game.D.params, *game.D.net.buffers()]
    assert {tensor.device.type for tensor in tensors} == {"meta"}


def test_data_that_do_not_fit_stay_in_the_computers_memory(monkeypatch):
    images = torch.zeros(1024, 1, 16, 16)  # 1 MiB
    for free, where in ((3 * 2**20, META), (1.5 * 2**20, CPU)):
        monkeypatch.setattr(devices, "free_bytes", lambda device, free=free: free)
        assert devices.place(images, "auto", META).device == where
    assert devices.place(images, "host", META).device == CPU
    monkeypatch.setattr(devices, "free_bytes", lambda device: 2**19)
    with pytest.raises(TrainingError, match="set data_on: auto or host"):
        devices.place(images, "device", META)


def test_the_best_device_is_chosen_and_each_rank_gets_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [devices.choose("auto", count=2, index=i) for i in (0, 1)] == [
        torch.device("cuda", 0),
        torch.device("cuda", 1),
    ]
    with pytest.raises(TrainingError, match="devices is 3, but there are 2 of type cuda"):
        devices.choose("auto", count=3)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert devices.choose("auto").type == "mps"
    with pytest.raises(TrainingError, match="devices is 2, but there are 1 of type mps"):
        devices.choose("mps", count=2)
    with pytest.raises(TrainingError, match="tf32, which CUDA devices have and cpu has not"):
        devices.choose("cpu", "tf32")


def test_cuda_is_told_to_repeat_itself_and_float32_is_not_tf32(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    matmul, conv = torch.backends.cuda.matmul, torch.backends.cudnn.conv
    before = matmul.fp32_precision, conv.fp32_precision, torch.get_num_threads()
    try:
        for precision, kind in (("float32", "ieee"), ("tf32", "tf32"), ("bf16", "ieee")):
            devices.reproducible(before[2], precision)
            assert (matmul.fp32_precision, conv.fp32_precision) == (kind, kind)
        assert devices.os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        assert torch.backends.cudnn.deterministic
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        matmul.fp32_precision, conv.fp32_precision = before[:2]
        torch.set_deterministic_debug_mode("default")


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_player_looks_through_the_other_as_it_is_after_its_step(precision: str):
    """Biases, too: autocast would keep its 16-bit copies of them until the iteration ends."""
    settings = two_ranks.games()["alternating"].model_copy(update={"precision": precision})
    game = Training(settings, 0, two_ranks.images(), CPU).game
    game.D.net.eval()  # no dropout
    x = two_ranks.images()[:4]
    with devices.autocast(CPU, precision):
        game.judge(x, None)
        game.D.vector.data += 1
        game.D._renew()
        within = game.judge(x, None).logit
    with devices.autocast(CPU, precision):
        torch.testing.assert_close(game.judge(x, None).logit, within, rtol=0, atol=0)


def line(scale: LossScale | None) -> Player:
    """One weight, y = w x, in fp16."""
    net = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.ones_(net.weight)
    settings = two_ranks.games()["alternating"].generator.optimizer
    return Player(net, settings, "fp16", scale=scale)


def learn(player: Player, slope: float) -> float:
    """The gradient that a loss of this slope leaves in the player's vector."""
    with devices.autocast(CPU, "fp16"):
        loss = player(torch.ones(1, 1)).float().sum() * slope
    player.step(torch.autograd.grad(player.scaled(loss), player.params))
    return player.vector.grad.item()


def test_a_scaled_loss_keeps_gradients_that_fp16_loses():
    slope = 2.0**-30
    assert learn(line(None), slope) == 0
    assert learn(line(LossScale()), slope) == slope


def test_an_overflow_leaves_the_step_out_and_halves_the_scale(monkeypatch):
    monkeypatch.setattr(scaling.LossScale, "GROWTH_STEPS", 2)
    scale = LossScale()
    player = line(scale)
    start = player.vector.item()
    assert learn(player, 2.0) == 0  # 2 * 2^16 is beyond fp16
    assert player.vector.item() == start
    factors = [scale.factor]
    for slope in (None, 0.25, 0.25, 0.25):
        if slope:
            assert learn(player, slope) == slope
        scale.next_iteration()
        factors.append(scale.factor)
    assert factors == [2.0**16, 2.0**15, 2.0**15, 2.0**16, 2.0**16]
    assert player.vector.item() < start


def test_the_scale_is_part_of_a_checkpoint():
    settings = two_ranks.games()["alternating"].model_copy(update={"precision": "fp16"})
    first, second = (Training(settings, 0, two_ranks.images(), CPU) for _ in range(2))
    first.advance()
    first.scale.factor = 8.0
    second.load_state_dict(first.state_dict())
    assert second.scale.state_dict() == {"factor": 8.0, "good": first.scale.good}


# PyTorch's own, of what it looks at while it compiles
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
def test_compiled_nets_learn_the_same_and_resume_bit_for_bit():
    """Another order of the same sums; kernels that depend on the shapes alone."""
    plain = two_ranks.games()["simultaneous"]
    small = {"hidden": (8,), "activation": "relu"}
    G = plain.generator.model_copy(update=small)
    whole_images = {"dropout_input": 0.0, "dropout_hidden": 0.0}
    D = plain.discriminator.model_copy(update=small | whole_images)
    plain = plain.model_copy(update={"generator": G, "discriminator": D})
    settings = plain.model_copy(update={"compile": True})
    expected = two_ranks.play(plain, two_ranks.parallel.ALONE)
    whole = two_ranks.play(settings, two_ranks.parallel.ALONE)
    resumed = two_ranks.play(settings, two_ranks.parallel.ALONE, halt=3)
    for key, weights in whole.items():
        # Adam divides by the gradient's own size, so rounding shows; a wrong update differs by its rate
        torch.testing.assert_close(weights, expected[key], atol=1e-4, rtol=1e-4)
        assert torch.equal(weights, resumed[key]), key


def test_compiled_dropout_draws_from_its_stream(monkeypatch):
    """Without a C++ compiler: only what is traced, and where the trace breaks, is looked at."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    masks = []
    for wrap in (lambda layer: layer, devices.compiled):
        layer = layers.Dropout(0.5, streams.generator(0, "dropout"))
        masks.append([wrap(layer)(torch.ones(20, 10)) for _ in range(2)])
    assert torch.equal(torch.stack(masks[0]), torch.stack(masks[1]))
    assert not torch.equal(*masks[1])


@pytest.mark.filterwarnings("ignore:dynamo_pgo force disabled")  # it is, below
def test_a_compiler_that_does_not_work_is_named_before_training(monkeypatch):
    from torch._inductor import config

    monkeypatch.setattr(config.cpp, "cxx", ("/no/such/compiler",))
    monkeypatch.setattr(config, "force_disable_caches", True)
    with pytest.raises(
        TrainingError, match=r"No working C\+\+ compiler found.* or set compile: false"
    ):
        devices.check_compiler(CPU)
