"""Recipe r3gan: a generator and a critic, with noise for every pixel.

The idea: the critic scores a real and a fake picture against each other, not against a fixed
level, and two gradient penalties about zero keep the game stable (arXiv:2501.05441, eq. 2). So a
plain residual network without tricks is enough. A latent of 64 numbers cannot place hundreds of
independent dots, hence the noise for every pixel. Look at `R3ganTrainer.train_step` and losses.py.
"""
