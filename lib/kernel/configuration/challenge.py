"""The GAN Challenge's rules -> its numbers, each of which several stages go by."""

IMAGE_PX = 32  # side of a picture
SUBMITTED = 1000  # images that the competition asks for
FEATURES = 2048  # of a picture, by Inception-V3
