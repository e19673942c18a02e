"""Commands that prepare, push, follow, fetch and submit runs on Kaggle.

Each is a word after `build.py`, and works on the ledger in runs/.
"""
