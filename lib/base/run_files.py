"""Names of files in a run's output folder that both the kernel and the Kaggle loop know."""

MANIFEST = "run_manifest.json"  # sha256 of every other file, and the run's inputs
SUBMISSION = "submission.csv"
IMAGES = "images.zip"
METRICS = "metrics.json"
REPORT = "report.html"
