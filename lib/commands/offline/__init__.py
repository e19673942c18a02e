"""Features, scores, curation and audits of files on this machine.

Nothing here needs Kaggle.
"""
