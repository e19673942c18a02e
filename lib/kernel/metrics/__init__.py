"""Features and FID: how far generated pictures are from real ones.

Inception-V3 turns a picture into 2,048 numbers. FID is the Fréchet distance between two normal
distributions, fitted to the features of real and of generated pictures (arXiv:1706.08500): 0 for
equal ones, and above 0 even for two halves of the real pictures, which is the floor. The features
follow the competition's own snippet to the letter. Look at `frechet_distance` in fid.py.
"""
