"""Machinery: files, logs, errors, processes, and below them settings and devices.

These small helpers import nothing else of `lib`. Nothing here is about pictures: read on only to
know how a file is written whole or how a process pool ends.
"""
