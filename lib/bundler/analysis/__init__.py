"""What a program imports, names and needs, read out of its sources.

Nothing of the program is run.
"""
