"""The GAN Challenge's rules: pictures of 32 px, whose decoding is a choice."""

from lib.base.run_files import IMAGES, SUBMISSION
from lib.kernel.configuration.challenge import SUBMITTED
from lib.kernel.configuration.rules import Rules

RULES = Rules(
    name="gan-challenge",
    title="GAN Challenge",
    slug="test-gan-competition",
    rows=SUBMITTED,
    keys=("policy",),
    task="Cleans 60,000 chaotic image records, trains a generator of 32 x 32 pictures and draws "
    "1,000 new ones, scored by the FID of their Inception-V3 features.",
    reads="The competition's shards (folders or zips of data.jsonl), found anywhere below "
    "/kaggle/input.",
    writes="submission.csv with 1,000 rows of 2,048 features, and images.zip with their pictures, "
    "into /kaggle/working.",
    files=(SUBMISSION, IMAGES),
)
