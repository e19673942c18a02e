"""Makes shards in the competition's format from invented or public pictures.

Tests and demos need them.
"""
