"""Ratios against other tools are measured here: `make bench`."""
