"""WGAN-GP, as two public solutions did it: first-seed and second-seed.

The idea: a generator turns noise into pictures, and a critic learns to score real pictures above
generated ones. The gap between their mean scores estimates how far the two are apart
(arXiv:1701.07875), as long as the critic is 1-Lipschitz: |D(x) - D(y)| <= |x - y|. So a penalty
holds the length of its gradient near 1 on lines between real and fake (arXiv:1704.00028).
Look at `WganTrainer.train_step`: five steps of the critic for each of the generator.

To change the generator, edit `build_generator`; training and drawing both build it there.
- In: (B, latent_dim, 1, 1) normals. Out: (B, channels, 32, 32) in [-1, 1].
- On a GPU a step is recorded once as a CUDA graph and replayed. So `forward` holds no Python branch
  on values and nothing else that changes from step to step. For a trial, set graphs to False.
- Of norms over the batch only nn.BatchNorm2d is recognised: see `_is_tied`. A critic has none.
- Try first: a CPU, steps 20, samples 50, weights_file 'random', and an output folder that is new,
  because a checkpoint of another network does not fit.

What the authors reported. First seed, 5th of 110: a ladder of 4x4 transposed convolutions with
InstanceNorm and a 3x3 one at its end, latent 100, lambda 10, Adam 1e-4 with betas (0.5, 0.9),
batch 64, 200 epochs in 53 minutes on a T4; weights and a grid of samples every 10 epochs, no FID.
Second seed: a DCGAN (arXiv:1511.06434) with BatchNorm, latent 128, lambda 5, betas (0.0, 0.9),
batch 128, 20 to 30 epochs; the epoch with the lowest FID is submitted. Neither averages weights or
chooses among samples. The authors used one GPU; this script divides the same batch among all.
"""
