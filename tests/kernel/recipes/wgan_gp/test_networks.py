"""first_seed and second_seed of wgan_gp: the public solutions' shapes, layers and sizes."""

import pytest
import torch
from torch import nn

from lib.kernel.configuration.config import Config
from lib.kernel.recipes.table import make_config
from lib.kernel.recipes.wgan_gp import first_seed, second_seed
from lib.kernel.recipes.wgan_gp.critic import Critic
from lib.kernel.training.ema import Ema

pytestmark = pytest.mark.ships


NETWORKS = {"first-seed": first_seed, "second-seed": second_seed}
PUBLIC = tuple(NETWORKS)


def build_generator(config: Config, channels: int) -> nn.Module:
    return NETWORKS[config.recipe].build_generator(config, channels)


def build_critic(config: Config, channels: int) -> Critic:
    return NETWORKS[config.recipe].build_critic(config, channels)


@pytest.mark.parametrize("recipe", PUBLIC)
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_and_range(recipe: str, channels: int) -> None:
    config = make_config(recipe, {"width": 4})
    latents = torch.randn(5, config.latent_dim, 1, 1) * 9
    pictures = build_generator(config, channels)(latents)
    assert pictures.shape == (5, channels, 32, 32)
    assert pictures.abs().max() <= 1
    assert build_critic(config, channels)(pictures).shape == (5,)


def kinds(network: nn.Module) -> list[str]:
    leaves = [part for part in network.modules() if not list(part.children())]
    return [type(part).__name__ for part in leaves if not isinstance(part, nn.Identity)]


def test_first_seed_is_what_its_author_describes() -> None:
    config = make_config("first-seed", {})
    block = ["ConvTranspose2d", "InstanceNorm2d", "ReLU"]
    assert kinds(build_generator(config, 3)) == 4 * block + ["Conv2d", "Tanh"]
    assert kinds(build_critic(config, 3)).count("InstanceNorm2d") == 2
    assert (config.latent_dim, config.width, config.gp_weight) == (100, 64, 10.0)
    assert (config.beta1, config.beta2, config.lr) == (0.5, 0.9, 1e-4)
    assert (config.batch, config.epochs, config.n_critic, config.save_every) == (64, 200, 5, 10)


def test_second_seed_is_what_its_author_describes() -> None:
    config = make_config("second-seed", {})
    block = ["ConvTranspose2d", "BatchNorm2d", "ReLU"]
    assert kinds(build_generator(config, 3)) == 3 * block + ["ConvTranspose2d", "Tanh"]
    assert kinds(build_critic(config, 3)) == 4 * ["Conv2d"]
    assert (config.latent_dim, config.gp_weight, config.beta1, config.beta2) == (128, 5.0, 0.0, 0.9)
    assert (config.batch, config.epochs, config.n_critic, config.save_every) == (128, 30, 5, 1)


@pytest.mark.parametrize("recipe", PUBLIC)
def test_no_critic_ties_the_pictures_of_a_batch_together(recipe: str) -> None:
    critic = build_critic(make_config(recipe, {"width": 4}), 1).double()
    pictures = torch.randn(6, 1, 32, 32, dtype=torch.float64)
    together, apart = critic(pictures), torch.cat([critic(part) for part in pictures.split(1)])
    assert torch.allclose(together, apart, rtol=0, atol=1e-10)


@pytest.mark.parametrize("recipe", PUBLIC)
def test_slope_is_the_gradient_and_so_are_its_own_gradients(recipe: str) -> None:
    torch.manual_seed(1)
    critic = build_critic(make_config(recipe, {"width": 3}), 3).double()
    points = torch.randn(4, 3, 32, 32, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    slope = critic.gradient(points.detach())
    torch.testing.assert_close(slope, expected, rtol=1e-9, atol=1e-12)
    weights = [conv.weight for conv in critic.convs]
    wanted = torch.autograd.grad(expected.square().sum(), weights)
    torch.testing.assert_close(
        torch.autograd.grad(slope.square().sum(), weights), wanted, rtol=1e-9, atol=1e-12
    )


def test_ema_is_the_average_it_claims() -> None:
    network = nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(0.0)
    ema, expected = Ema(network, 0.5), 0.0
    for step, value in enumerate((1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)):
        network.weight.data.fill_(value)
        ema.update(network)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    assert abs(ema.network.weight.item() - expected) < 1e-3
    other = Ema(nn.Linear(1, 1, bias=False), 0.5)
    other.load_state_dict(ema.state_dict())
    network.weight.data.fill_(-3.0)
    ema.update(network)
    other.update(network)
    assert torch.equal(ema.network.weight, other.network.weight)


def test_ema_copies_running_statistics() -> None:
    network = nn.BatchNorm1d(2)
    ema = Ema(network, 0.9)
    network(torch.randn(50, 2) + 7)
    ema.update(network)
    assert torch.equal(ema.network.running_mean, network.running_mean)
