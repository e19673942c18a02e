"""Sources that are hard to quote -> the same strings, and the form in which each is shown."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.bundler.encode_text import ENDS as LETTERS
from lib.bundler.encode_text import encode_text
from lib.bundler.sections import Section, make_data_section, make_module_section
from lib.bundler.sources import parse_source
from tests.bundled import Place

BOM = "\ufeff"
ENDS = sorted(LETTERS.values())
MODULES: dict[str, tuple[bytes, str]] = {  # name: (source, form)
    "quotes": (b"VALUE = '''a \"\"\" b\n  c''' + \"\"\"d ''' \\\\ e\"\"\"\n", "code"),
    "backslashes": (b"VALUE = 'a\\\\' + r'\\d' + \"'\" + 'b\\\nc'  # ends in \\\n", "code"),
    "continued": (b"VALUE = 1 + \\\n    2 + \\\n3\n", "code"),
    "text_block": (b'VALUE = """\nno indent\n    four\n\n\ttab\n   \n"""\n', "code"),
    "form_feed": (b"A = 1\n\x0c\nVALUE = '\x0c' + str(A)\n", "code"),
    "form_feed_first": (b"A = 1\n\x0cVALUE = A\n", "text"),
    "crlf": (b"VALUE = '''a\r\nb'''\r\n\r\nif VALUE:\r\n    VALUE += 'c'\r\n", "code"),
    "carriage": (b"VALUE = 'old mac'\rVALUE += ' ends'\r", "code"),
    "bom": (f"{BOM}VALUE = 'mark'\n".encode(), "code"),
    "latin": ("# -*- coding: latin-1 -*-\nVALUE = 'caf\xe9'\n".encode("latin-1"), "code"),
    "cyrillic": ("# coding: koi8-r\nVALUE = 'мир'\n".encode("koi8-r"), "code"),
    "unicode": ("größe = '日本 \\N{BULLET} 🐍 \u2028 \x85'\nVALUE = größe\n".encode(), "code"),
    "tabs": (b"if True:\n\tVALUE = 't'\n\tif VALUE:\n\t\tVALUE += 'u'\n", "code"),
    "no_end": (b"VALUE = 1\ndef f():\n    return 2", "code"),
    "empty": (b"", "code"),
    "comment": (b"# nothing but this\n", "code"),
    "docstring": (b'"""Only this."""', "code"),
    "banner": (b"VALUE = '''\n# ==== no ====\n#:  1 1 1 0 code x\n'''\nif 0:\n pass\n", "code"),
    "future_quotes": (b"from __future__ import annotations\nx: '''a\"\"\"'''\nVALUE = 1\n", "code"),
    "future_late": (b'"""D"""\nfrom __future__ import (\n  annotations\n)\nx: y\nVALUE=2', "code"),
    "escapes": (b"VALUE = '\\d \\w'\n", "text"),
    "escapes_quotes": (b"VALUE = '\\d' + ''' ''' + \"\"\" \"\"\"\n", "note"),
    "module_global": (b"x = 1\ndef f(): pass\nglobal y\ny = 2\nVALUE = x + y\n", "text"),
    "user_of_y": (b"y = 3\nVALUE = y\n", "code"),
    "global_of_y": (b"global y\ny = 4\nVALUE = y\n", "text"),
    "mixed_ends": (b"VALUE = '''a\r\nb\n'''\r\nOTHER = 1\rLAST = 2\n", "code"),
    # "shifted": (b"# coding: iso2022_jp\nVALUE = '\x1b(B\x1b(Bx'\n", "base64"),
    "block_like": (b"# /// script\n# ///\nVALUE = 1\nglobal VALUE_2\n", "note"),
    "deep": (b"".join(b" " * n + b"if 1:\n" for n in range(99)) + b" " * 99 + b"VALUE = 5", "text"),
}  # fmt: skip
ENTRY = """{bom}import sys{end}import warnings{end}{end}\
warnings.simplefilter("ignore"){end}\
import importlib{end}\
for name in sys.argv[1:]:{end}\
    module = importlib.import_module("lib." + name){end}\
    print(name, [getattr(module, "VALUE", 0)], [module.__doc__], sorted(vars(module))){end}"""


@pytest.mark.parametrize("style", ["code", "text", "disk"])
def test_texts_survive(style: str, tmp_path: Path) -> None:
    place = Place(tmp_path, "texts")
    (place.plain / "lib").mkdir(parents=True)
    for name, (source, _) in MODULES.items():
        (place.plain / "lib" / f"{name}.py").write_bytes(source)
    entry = ENTRY.format(bom=BOM, end="\r\n").encode()
    (place.plain / "entry.py").write_bytes(entry)
    expected = place.run_plain(*MODULES, flags=("-Wignore",))
    assert expected.exit_code == 0, expected.stderr
    assert expected.stdout.count("\n") == len(MODULES)
    bundle = place.bundle(style, ("lib.*",))
    assert place.run_bundle(*MODULES, flags=("-Wignore",)) == expected
    if style == "code":
        forms = {one["path"]: one["form"] for one in bundle.manifest["inputs"]}
        reasons = {one["path"]: one["reason"] for one in bundle.manifest["inputs"]}
        for name, (_, form) in MODULES.items():
            assert forms[f"lib/{name}.py"] == form, name
            assert form == "code" or reasons[f"lib/{name}.py"], name
        assert "from __future__" in reasons["lib/future_late.py"]
        assert "would be said twice" in reasons["lib/escapes.py"]


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_data_sections_give_back_every_byte(raw: bytes) -> None:
    """Whatever the bytes, the lines shown hold them, and compile."""
    section = make_data_section("lib/data.bin", raw)
    compile("\n".join([section.opening, *section.lines, section.closing]), "x", "exec")
    assert _read_back(section) == raw


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(st.sampled_from(["a", "", "é = 1", "  b", "#"]), st.sampled_from(ENDS))),
    st.booleans(),
    st.sampled_from(["", "x"]),
)
def test_sections_give_back_mark_and_ends_of_lines(
    lines: list[tuple[str, str]], mark: bool, last: str
) -> None:
    """Also mixed ends; the words that say so stand in the table, one file a row."""
    text = "".join(f"# {line}{end}" for line, end in lines) + (f"# {last}" if last else "")
    raw = f"{BOM * mark}{text}".encode()
    module = make_module_section(parse_source("lib/a.py", raw, "a"))
    assert (_read_back(module), module.form) == (raw, "code")
    assert _read_back(make_data_section("lib/a.txt", raw)) == raw
    assert " " not in module.full_form


@settings(deadline=None, max_examples=200)
@given(st.text(st.sampled_from("ab'\"\\\n\t \f#{}é"), max_size=60))
def test_module_sections_give_back_every_line(content: str) -> None:
    source = parse_source(
        "lib/a.py", f"VALUE = {content!r}\n'''{_quotable(content)}'''\n".encode(), "a"
    )
    section = make_module_section(source)
    assert _read_back(section) == source.raw


def _read_back(section: Section) -> bytes:
    indent = 4 if section.form in ("code", "note") else 0
    text = "".join(line[indent:] + "\n" for line in section.lines)
    assert "\r" not in text
    return encode_text(text, section.full_form)


def _quotable(content: str) -> str:
    return content.replace("\\", "/").replace("'", "`")
