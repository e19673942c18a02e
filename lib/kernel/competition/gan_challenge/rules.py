"""The GAN Challenge's rules: pictures of 32 px, whose decoding is a choice."""

from lib.base.run_files import IMAGES, SUBMISSION
from lib.kernel.configuration.rules import Rules

RULES = Rules(
    name="gan-challenge", title="GAN Challenge", keys=("policy",), files=(SUBMISSION, IMAGES)
)
