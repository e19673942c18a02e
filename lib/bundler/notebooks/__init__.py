"""Notebooks: one as the program to be bundled, and one as the form of a bundle.

Both hold a program as cells.
"""
