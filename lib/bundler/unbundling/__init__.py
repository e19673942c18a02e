"""A bundle becomes files again here, also one that was edited.

What is read is trusted in nothing: not in its lengths, its line numbers or its paths.
"""
