"""A working tree and options -> one self-contained Kaggle script, built, run, pushed or scored."""

import sys

# This file alone must be read by any Python, for it says which one the others need.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.stderr.write(
        "error: build.py: expected Python 3.11 or later, got %d.%d\n"  # noqa: UP031
        "  cure: make venv, then source .venv/bin/activate; or python3.11 build.py ...\n"
        % sys.version_info[:2]
    )
    sys.exit(2)

from lib.commands.command_line import COMMANDS, load_command, main

__all__ = ["COMMANDS", "load_command", "main"]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
