"""What kernel.py imports; the bundle holds it too."""
