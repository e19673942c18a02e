"""Sweeps: variants pushed together, each in a kernel of its own or in packs, and their deletion.

Each kernel is a push like any other; the ledger keeps the sweep's id beside it.
"""
