"""Sampling: trained weights draw pictures.

Picture number i depends on (seed, stage, i) alone, whatever machine, batch or rank draws it. So
equal seeds give equal submissions. Where it is asked for, the temperature of the least FID is
looked for first.
"""
