"""`python -m` children that import the package."""

import subprocess
import sys

from lib.task import run

if __name__ == "__main__":
    print(run("here"))
    for words in (["lib.task", "a", "b"], ["lib.group", "c"]):
        child = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True)
        print(child.returncode, child.stdout, child.stderr)
    child = subprocess.run([sys.executable, "-m", "lib.task", "fail"], capture_output=True, text=True)
    print(child.returncode, child.stderr.splitlines()[-1])
    print(subprocess.check_output([sys.executable, "-c", "import lib.task; print(lib.task.run(1))"]))
