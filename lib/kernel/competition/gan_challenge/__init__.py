"""The data: 60,000 records, base64 and full of faults, become pictures.

A line of a shard is a JSON object with a picture in base64 and how to turn, invert and crop it. It
becomes a 32 x 32 picture, or is rejected with a reason and counted: nothing is guessed. Look at
`decode_record`, which follows one line through all of it; decode_block.py does the same for many
at once, and faster.
"""
