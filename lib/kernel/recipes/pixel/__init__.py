"""Recipe pixel: each pixel is drawn given those before it.

The idea: the probability of a picture is the product of those of its pixels, each a choice among
256 values (PixelRNN, arXiv:1601.06759). Training only maximises the likelihood of real pictures:
there is no critic and nothing to balance. Crisp dots and flat boxes cost it nothing, where a
generator smears them. Look at `PixelModel` for what a pixel may see, and at clusters.py for how
the kind of picture is drawn first.
"""
