"""A run's output folder -> the names of the files that both the kernel and the loop know."""

MANIFEST = "run_manifest.json"  # sha256 of every other file, and what the run was made from
SUBMISSION = "submission.csv"
IMAGES = "images.zip"
METRICS = "metrics.json"
REPORT = "report.html"
