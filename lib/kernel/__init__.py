"""The run: all that happens, from the input to a checked submission.

`pipeline.run` tells it stage by stage, and run_steps.py has the steps. The entry names the recipe,
the competition and the stages that this kernel holds; `main` reads CONFIG and locks the folders.
"""
