"""An entry script and its packages become one script or notebook here.

The bundler uses `lib.base` alone.
"""
