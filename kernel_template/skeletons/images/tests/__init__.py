"""Tests of competition my-competition."""
