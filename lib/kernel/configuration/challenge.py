"""Numbers of the GAN Challenge's rules that several stages use."""

IMAGE_PX = 32  # side of a picture, px
SUBMITTED = 1000  # images in a submission
FEATURES = 2048  # numbers that Inception-V3 gives for a picture
