"""One module for each word after `build.py`.

Code that several of them share is beside them.
"""
