"""A small R3GAN with noise for every pixel is here.

Its augmentation follows the data.
"""
