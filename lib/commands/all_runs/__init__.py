"""All runs of this repository, of the ledger and of folders here: listed, compared and shown.

Nothing here needs a package; with Pillow the board's pictures are smaller.
"""
