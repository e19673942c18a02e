"""Each word after `build.py` has one module here.

What several of them share stands beside them.
"""
