"""Features, scores, curation and audits of files on this machine are made here.

Nothing asks Kaggle.
"""
