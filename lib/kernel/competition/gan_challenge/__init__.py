"""The GAN Challenge: shards of chaotic base64 records in, submission.csv out.

Every line of a shard is decoded to a 32 x 32 picture or rejected with a reason.
"""
