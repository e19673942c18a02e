"""Shards of base64 records -> submission.csv: every module in here travels inside the kernel."""
