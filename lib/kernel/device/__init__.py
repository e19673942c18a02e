"""This folder finds out what the machine is.

It shares work out among cores, GPUs and processes.
"""
