"""A call -> whether it reads or writes the file that it names."""

import ast
import re
from collections.abc import Iterator

from lib.bundler.analysis.names import dotted_name, last_name

_READS = re.compile(
    r"(?i)(load|read|open|scan|walk|glob|listdir|iterdir|discover|dataset|imagefolder|exists|is_?dir"
    r"|is_?file|chdir|getsize|run_path|spec_from_file|copy|listfiles)|^Path$"
)
_NO_READS = {"loads", "glob1", "isdirty", "add_folder"}
_WRITES = re.compile(r"(write|save|to_|dump|mkdir|makedirs|touch|unlink|rmtree|remove|rename)")
_WRITERS = {"FileHandler", "RotatingFileHandler", "SummaryWriter", "rmdir", "imsave"}
_WRITERS |= {"basicConfig", "TimedRotatingFileHandler"}


def is_read(name: str) -> bool:
    """Tell whether a function of this name reads a file or folder that it is given."""
    return bool(_READS.search(name)) and name not in _NO_READS


def is_write(node: ast.Call) -> bool:
    """Tell whether a call writes the file that it names, as open(path, "w") does."""
    name = last_name(node.func)
    if name == "replace":  # of os or of a Path, and not a text's own
        return dotted_name(node.func) == "os.replace" or len(node.args) + len(node.keywords) == 1
    if name in _WRITERS or (_WRITES.match(name) and name != "write"):
        return True
    if name != "open":
        return False
    words = [*node.args, *(one.value for one in node.keywords if one.arg == "mode")]
    modes = [one.value for one in words if isinstance(one, ast.Constant)]
    return any(isinstance(m, str) and re.fullmatch(r"[rb+t]*[wax+][b+t]*", m) for m in modes)


def walk_written(node: ast.expr) -> Iterator[ast.AST]:
    """A part of a call that writes -> its nodes, without those of a call in it that reads."""
    stack: list[ast.AST] = [node]
    while stack:
        one = stack.pop()
        reads = isinstance(one, ast.Call) and is_read(last_name(one.func)) and not is_write(one)
        if not reads or last_name(getattr(one, "func", None)) == "Path":
            yield one
            stack += ast.iter_child_nodes(one)
