"""CONFIG is understood here: its keys, what a recipe changes of them, how people write them.

Numbers of the challenge, folders of a run and names of the version before are here too.
"""
