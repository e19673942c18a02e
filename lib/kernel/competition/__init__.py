"""All that the GAN Challenge's files look like is known here.

Shards come in, a submission goes out.
"""
