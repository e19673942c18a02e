"""A pool of images is drawn and measured here.

The subset of least FID is chosen from it.
"""
