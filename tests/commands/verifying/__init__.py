"""Tests of `build.py verify`."""
