"""The report: what a run did, in one page and one table of numbers.

report.html needs no network: pictures and curves are inside. The run writes it after each stage,
so a run that was stopped leaves one too. run_manifest.json names every file with its hash.
"""
