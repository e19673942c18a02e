"""Small helpers that every other folder may use.

They import nothing else of `lib`.
"""
