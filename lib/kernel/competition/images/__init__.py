"""Pictures of any kind: files, arrays or well-known archives in, images.zip out.

Every picture becomes a square of `image_px`; what cannot be read is counted with its reason.
"""
