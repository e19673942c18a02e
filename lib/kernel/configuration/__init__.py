"""CONFIG: its keys, the values of each recipe, and how users write them.

The challenge's numbers, a run's folders and the previous version's names are here too.
"""
