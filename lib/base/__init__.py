"""Machinery: files, logs, errors, processes, settings, devices.

These small helpers import nothing else of `lib`. Nothing here is about pictures: read on only to
know how a file is written whole or how a process pool ends.
"""
