"""Recipe r3gan: a small R3GAN with noise for every pixel.

Its augmentation depends on the data.
"""
