"""Images become Inception features here.

FID and its relatives are measured on them.
"""
