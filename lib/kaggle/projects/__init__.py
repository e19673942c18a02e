"""What a project says of itself: its settings, its check, and its code as it goes out.

A project is the folder that holds kernel-metadata.json.
"""
