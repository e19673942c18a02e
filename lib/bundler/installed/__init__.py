"""What is installed beside a program: taken into its bundle, or named as what it depends on.

`--vendor` reads a distribution's files and licence here. `--pep723` finds the names under which an
index holds what a program imports.
"""
