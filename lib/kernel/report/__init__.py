"""Here a run tells what it does and did.

It writes the report, its charts and the manifest of its files.
"""
