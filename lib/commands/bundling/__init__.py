"""Commands of the bundler: a program into one file, and out of it again.

They use the bundler alone, for they are also its own script.
"""
