"""Each recipe -> the modules of its kernel, as tests/commands/kernels has them.

python -m tests.commands.renew_kernels
"""

from pathlib import Path

from lib.bundler.bundle import Bundle, build_bundle
from lib.commands.kernel_build import make_entry
from lib.kernel.recipes.table import ROWS, make_config

ROOT = Path(__file__).parents[2]
KERNELS = Path(__file__).with_name("kernels")


def build_text(recipe: str, full: bool = False, **overrides: object) -> Bundle:
    """(a recipe's name, whether all goes in, what is set) -> its kernel."""
    return build_bundle(make_entry(ROOT, make_config(recipe, overrides), full))


def list_modules(bundle: Bundle) -> str:
    """A kernel -> the paths of its modules, sorted, one a line."""
    paths = [one["path"] for one in bundle.manifest["inputs"]]
    return "".join(f"{path}\n" for path in sorted(paths))


if __name__ == "__main__":
    KERNELS.mkdir(exist_ok=True)
    for name in ROWS:
        (KERNELS / f"{name}.txt").write_text(list_modules(build_text(name)), encoding="utf-8")
        print(KERNELS / f"{name}.txt")
