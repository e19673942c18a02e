"""A script that starts itself again: as a child by argv[0], then in its own place."""

import os
import subprocess
import sys

from lib.role import describe

role = sys.argv[1] if len(sys.argv) > 1 else "first"
print(describe(role), flush=True)
if role == "first":
    for script in (sys.argv[0], __file__):
        child = subprocess.run([sys.executable, script, "child"], capture_output=True, text=True)
        print(child.returncode, child.stdout.strip(), child.stderr)
    os.execv(sys.executable, [sys.executable, sys.argv[0], "last"])
sys.exit({"child": 4, "last": 5}[role])
