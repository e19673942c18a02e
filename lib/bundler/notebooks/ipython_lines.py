"""A notebook's code cell -> the lines in it that are IPython's and no Python, each with its cure.

IPython itself is not needed for it: a line counts where a statement would begin, so that `%` in a
string, a formula over several lines or a comment is left alone.
"""

import re
from dataclasses import dataclass

_QUOTES = re.compile(r"\"\"\"|'''|\"|'")
_NAME = re.compile(r"\w+")
_INSTALLS = re.compile(r"\b(pip3?|conda|mamba|apt|apt-get|uv)\b.*\binstall\b")
_SHELL_ASSIGNED = re.compile(r"=\s*!")
_MAGIC_ASSIGNED = re.compile(r"=\s*(%[A-Za-z_].*)")
_AUTOMATIC = ("pip", "conda", "cd", "ls", "mkdir", "cat", "rm", "cp", "mv", "pwd", "who", "whos")

_REMOVE = "remove the line"
_INSTALL = "remove it and install the package beforehand; --pep723 names it for tools such as uv"
_TIME = "take time.perf_counter() before and after, or remove it"
_SHELL = "write subprocess.run(COMMAND, shell=True, check=True)"
_CAPTURE = "write subprocess.run(COMMAND, shell=True, capture_output=True, text=True).stdout"
_CURES = {
    **dict.fromkeys(("pip", "conda", "mamba", "uv"), _INSTALL),
    **dict.fromkeys(("time", "timeit", "prun", "lprun", "memit", "mprun"), _TIME),
    **dict.fromkeys(("bash", "sh", "script", "system", "sx", "cmd", "perl", "ruby"), _SHELL),
    **dict.fromkeys(("ls", "mkdir", "cat", "rm", "cp", "mv"), _SHELL),
    **dict.fromkeys(("load_ext", "reload_ext", "autoreload", "config", "precision"), _REMOVE),
    **dict.fromkeys(("who", "whos", "history", "hist", "store", "load", "pdb"), _REMOVE),
    **dict.fromkeys(("writefile", "file"), "save the cell's text as that file beside the notebook"),
    **dict.fromkeys(("env", "set_env"), 'write os.environ["NAME"] = "value"'),
    **dict.fromkeys(("matplotlib", "pylab"), "remove it; a script saves its figures by savefig"),
    "cd": 'write os.chdir("FOLDER")',
    "pwd": "write print(os.getcwd())",
    "run": "import that file as a module, or write runpy.run_path(FILE)",
    "capture": "remove it, or write contextlib.redirect_stdout",
    "python": "put the cell's text into a cell of its own",
}
_OTHERS = "write what it does in Python, or remove it"


@dataclass(frozen=True)
class IPythonLine:
    """One line that only IPython understands."""

    line: int  # in the cell, the first is 1
    text: str
    cure: str


def find_ipython_lines(cell: str) -> list[IPythonLine]:
    """The text of a code cell -> its lines that are no Python; of a %% cell only the first."""
    found: list[IPythonLine] = []
    quote, depth = "", 0  # of the lines above: an open string's quotes, open brackets
    goes_on = in_command = False  # whether the line above ends with a backslash, and is IPython's
    for number, line in enumerate(cell.split("\n"), 1):
        text = line.strip()
        if in_command:
            in_command = text.endswith("\\")
            continue
        begins = not quote and depth == 0 and not goes_on
        code, quote_below = _blank_strings(line, quote)
        cure = _find_cure(text, code) if begins else ""
        if cure:
            found.append(IPythonLine(number, text, cure))
            if text.startswith("%%"):
                break
            in_command = text.endswith("\\")
            continue
        quote = quote_below
        opened = sum(code.count(one) for one in "([{") - sum(code.count(one) for one in ")]}")
        depth = max(0, depth + opened)
        goes_on = code.rstrip().endswith("\\")
    return found


def find_command(line: str) -> str:
    """A line -> the cure, if it may be a command that IPython runs without a `%`; else ""."""
    first = _NAME.match(line.strip())
    return _cure_magic(first[0]) if first and first[0] in _AUTOMATIC else ""


def _find_cure(text: str, code: str) -> str:
    """(a line where a statement begins, the same without strings and comment) -> cure, or ""."""
    if text.startswith("!"):
        return _INSTALL if _INSTALLS.search(text) else _SHELL
    if text.startswith("%"):
        return _cure_magic(text)
    if code.rstrip(" ;").endswith("?") or text.startswith("?"):
        return "write help(NAME), or remove it"
    if text.startswith((",", ";", "/")):
        return "write it as a call, with brackets"
    if _SHELL_ASSIGNED.search(code):
        return _CAPTURE
    assigned = _MAGIC_ASSIGNED.search(code)
    return _cure_magic(assigned[1]) if assigned else ""


def _cure_magic(text: str) -> str:
    word = _NAME.search(text)
    return _CURES.get(word[0], _OTHERS) if word else _OTHERS


def _blank_strings(line: str, quote: str) -> tuple[str, str]:
    """(a line, the triple quote open before it) -> (its code without strings, the one open after).

    A string becomes one quotation mark.
    """
    code, at = "", 0
    if quote:
        at = _find_end(line, 0, quote)
        if at < 0:
            return "", quote if len(quote) == 3 or line.endswith("\\") else ""
        code = '"'
    while at < len(line) and line[at] != "#":
        opening = _QUOTES.match(line, at)
        if not opening:
            code, at = code + line[at], at + 1
            continue
        code, at = code + '"', _find_end(line, opening.end(), opening[0])
        if at < 0:
            return code, opening[0] if len(opening[0]) == 3 or line.endswith("\\") else ""
    return code, ""


def _find_end(line: str, start: int, quote: str) -> int:
    """(a line, where to look from, the quotes) -> the place behind the closing ones, or -1."""
    at = start
    while at < len(line):
        if line[at] == "\\":
            at += 2
        elif line.startswith(quote, at):
            return at + len(quote)
        else:
            at += 1
    return -1
