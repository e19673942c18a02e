VALUES = {"a": 1}


class Table:
    entries = [VALUES[name] for name in ("a", "b")]
