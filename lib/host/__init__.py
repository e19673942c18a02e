"""A working tree -> a bundle, a local run, a Kaggle run: nothing in here ever ships."""
