"""Invented or public pictures become shards in the competition's format here.

Tests and demos need them.
"""
