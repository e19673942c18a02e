"""The loss of a WGAN with a gradient penalty (arXiv:1704.00028, equation 3):

    critic:     minimise  L = mean D(fake) - mean D(real) + lambda * mean (|grad D(x)| - 1)^2
                at        x = t * real + (1 - t) * fake,  t uniform in [0, 1], one per picture
    generator:  minimise  -mean D(fake)

lambda is `gp_weight`. mean D(real) - mean D(fake) estimates the Wasserstein distance of real and
fake pictures, if D is 1-Lipschitz: |D(x) - D(y)| <= |x - y|. The penalty pulls the slope to 1 from
both sides, because an optimal D has slope 1 almost everywhere on the lines between those real and
fake pictures that optimal transport pairs (section 2.3).

What a run reports as "critic" is mean D(fake) - mean D(real), without the penalty: normally
negative, and nearer to 0 as the fakes get better, once they are near. Early in a run it moves away
from 0 for minutes. D's slope grows with it, to several times 1, because the penalty is soft.
"""

import torch


def fake_minus_real(real_scores: torch.Tensor, fake_scores: torch.Tensor) -> torch.Tensor:
    """Two (B,) -> mean D(fake) - mean D(real)."""
    return fake_scores.float().mean() - real_scores.float().mean()


def generator_loss(fake_scores: torch.Tensor) -> torch.Tensor:
    """(B,) -> -mean D(fake)."""
    return -fake_scores.float().mean()


def mix_pictures(real: torch.Tensor, fake: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Two (B, C, H, W) and t, (B,) in [0, 1] -> x, points on the lines between the pairs."""
    return torch.lerp(fake, real, share.view(-1, 1, 1, 1))


def gradient_penalty(gradient: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) gradients of D -> mean (|grad D| - 1)^2."""
    return (gradient.flatten(1).norm(dim=1) - 1.0).square().mean()
