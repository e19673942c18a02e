from importlib import import_module


def load(name):
    return import_module(f"lib.plugins.{name}")


def load_near():
    return import_module(".near", __package__)
