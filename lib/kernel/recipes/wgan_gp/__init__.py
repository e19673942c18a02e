"""WGAN-GP, as two public solutions did it: first-seed and second-seed.

The idea: a generator turns noise into pictures, and a critic learns to score real pictures above
generated ones. The gap between their mean scores estimates how far the two are apart
(arXiv:1701.07875), as long as the critic changes no faster than the pictures do. So a penalty
holds the length of its gradient near 1 on lines between real and fake (arXiv:1704.00028, eq. 3).
Look at `WganTrainer.train_step`: five steps of the critic for each of the generator.

As their authors told them. First seed, 5th of 110: a ladder of 4x4 transposed convolutions with
InstanceNorm and a 3x3 one at its end, latent 100, lambda 10, Adam 1e-4 with betas (0.5, 0.9),
batch 64, 200 epochs in 53 minutes on a T4; weights and a grid of samples every 10 epochs, no FID.
Second seed: a DCGAN (arXiv:1511.06434) with BatchNorm, latent 128, lambda 5, betas (0.0, 0.9),
batch 128, 20 to 30 epochs; the epoch with the least FID is submitted. Neither averages weights,
chooses among samples or uses a second GPU.
"""
