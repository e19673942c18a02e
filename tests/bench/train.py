"""Training of the public recipes -> images per second against a plain loop, measured in one run.

The plain loop is what a notebook writes: the same two networks, batch, loss and optimiser, a
DataLoader over decoded PIL pictures, .item() in each step. Turns alternate, so that both see the
same machine. Run as `python -m tests.bench.train [seconds for each turn] [turns] [width]`.
"""

import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device, choose_device
from lib.kernel.recipes.table import make_config
from lib.kernel.recipes.wgan_gp import first_seed, second_seed
from tests.small import make_trainer

COUNT = 2048
NETWORKS = {"first-seed": first_seed, "second-seed": second_seed}


class Pictures(Dataset):
    """PIL pictures, turned into tensors one by one."""

    def __init__(self, images: np.ndarray) -> None:
        self._pictures = [Image.fromarray(image.transpose(1, 2, 0)) for image in images]

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, number: int) -> torch.Tensor:
        pixels = np.asarray(self._pictures[number], dtype=np.float32)
        return torch.from_numpy(pixels).permute(2, 0, 1) / 127.5 - 1.0


def plain_loop(images: np.ndarray, config: Config, place: torch.device) -> Iterator[float]:
    """Images -> one critic step for each next(), as a notebook writes it."""
    networks = NETWORKS[config.recipe]
    generator = networks.build_generator(config, 3).to(place)
    critic = networks.build_critic(config, 3).to(place)
    betas = (config.beta1, config.beta2)
    generator_adam = torch.optim.Adam(generator.parameters(), lr=config.lr, betas=betas)
    critic_adam = torch.optim.Adam(critic.parameters(), lr=config.lr, betas=betas)
    loader = DataLoader(Pictures(images), config.batch, shuffle=True, drop_last=True)
    step = 0
    while True:
        for batch in loader:
            real = batch.to(place)
            latents = torch.randn(len(real), config.latent_dim, 1, 1, device=place)
            fake = generator(latents).detach()
            loss = critic(fake).mean() - critic(real).mean()
            loss = loss + config.gp_weight * plain_penalty(critic, real, fake)
            critic_adam.zero_grad()
            loss.backward()
            critic_adam.step()
            step += 1
            if step % config.n_critic == 0:
                latents = torch.randn(len(real), config.latent_dim, 1, 1, device=place)
                generator_loss = -critic(generator(latents)).mean()
                generator_adam.zero_grad()
                generator_loss.backward()
                generator_adam.step()
                generator_loss.item()
            yield loss.item()


def plain_penalty(critic: nn.Module, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """(critic, real, fake) -> the gradient penalty as tutorials write it."""
    share = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = (share * real + (1 - share) * fake).requires_grad_(True)
    scores = critic(between)
    slope = torch.autograd.grad(
        scores, between, torch.ones_like(scores), create_graph=True, retain_graph=True
    )[0]
    return ((slope.view(len(slope), -1).norm(2, dim=1) - 1) ** 2).mean()


def own_loop(images: np.ndarray, config: Config, device: Device) -> Iterator[float]:
    """Images -> one critic step of the project's trainer for each next()."""
    trainer, step = make_trainer(images, config, device), 0
    with trainer.cores:
        while True:
            trainer.train_step(step, 0.0)
            step += 1
            yield 0.0


def measure(loop: Iterator[float], seconds: float, wait: Callable[[], None]) -> tuple[int, float]:
    """A loop -> (steps, seconds) of about the seconds given."""
    started, steps = time.perf_counter(), 0
    while time.perf_counter() < started + seconds or steps < 5:
        next(loop)
        steps += 1
    wait()
    return steps, time.perf_counter() - started


def compare(recipe: str, width: int, device: Device, seconds: float, turns: int) -> None:
    """A recipe -> one line: images per second of both loops and their ratio."""
    config = make_config(recipe, {"width": width})
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 3, 32, 32), dtype=np.uint8)
    loops = (plain_loop(images, config, device.torch_device), own_loop(images, config, device))
    wait = torch.cuda.synchronize if device.is_cuda else lambda: None
    for loop in loops:
        measure(loop, seconds / 4, wait)
    rates: list[list[float]] = [[], []]
    for _ in range(turns):
        for number, loop in enumerate(loops):
            steps, elapsed = measure(loop, seconds, wait)
            rates[number].append(steps * config.batch / elapsed)
    plain, own = (float(np.median(rate)) for rate in rates)
    print(
        f"{recipe}, width {width}, batch {config.batch}, {device.name}: plain loop {plain:,.0f}"
        f" images/s, this project {own:,.0f} images/s, {own / plain:.2f} times as fast"
    )


def main() -> None:
    """Both public recipes, at the widths that they ran with."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    device = choose_device()
    for recipe, width in (("first-seed", 16), ("first-seed", 64), ("second-seed", 64)):
        compare(recipe, width, device, seconds, turns)


if __name__ == "__main__":
    main()
