"""Packages of PyPI -> programs that run part of their own test suites, bundled by each tool."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile, copytree, ignore_patterns, unpack_archive

from tests.bench.builders import BUILDERS, OURS, REFUSALS, Builder
from tests.bench.cpu_seconds import measure_call, measure_start
from tests.bench.shown_as_code import measure_code

_ARCHIVES = Path(__file__).parents[2] / "build" / "sdists"
_LIMIT_S = 600
_STARTS = 5


@dataclass(frozen=True)
class Package:
    """One package: its release, what is bundled of it, and which of its tests run."""

    release: str
    folders: tuple[str, ...]  # of the source distribution, that hold the top-level packages
    demo: str  # what the program does without its tests
    tests: tuple[str, ...]  # paths in the source distribution
    left_out: str = "__main__"  # a regular expression for modules that cannot be imported here

    @property
    def tops(self) -> list[str]:
        """The names of its top-level packages."""
        return [Path(folder).name for folder in self.folders]


PACKAGES = (
    Package(
        "attrs==26.1.0",
        ("src/attr", "src/attrs"),
        "print(attr.asdict(attrs.make_class('C', ['x'])(1)))",
        ("tests/test_validators.py", "tests/test_filters.py", "tests/test_setattr.py",
         "tests/test_dunders.py", "tests/test_slots.py", "tests/test_next_gen.py"),
    ),
    Package(
        "click==8.5.1",
        ("src/click",),
        "print(click.Command('go').name)",
        ("tests/test_basic.py", "tests/test_arguments.py", "tests/test_commands.py",
         "tests/test_context.py", "tests/test_formatting.py"),
        "_winconsole",
    ),
    Package(
        "idna==3.20",
        ("idna",),
        "print(idna.encode('königsgäßchen'))",
        ("tests/test_idna.py", "tests/test_idna_codec.py", "tests/test_idna_compat.py",
         "tests/test_intranges.py"),
    ),
    Package(
        "jinja2==3.1.6",
        ("src/jinja2",),
        "print(jinja2.Template('{{ x }}').render(x=1))",
        ("tests/test_api.py", "tests/test_filters.py", "tests/test_inheritance.py",
         "tests/test_core_tags.py", "tests/test_loader.py", "tests/test_regression.py"),
    ),
    Package(
        "jsonschema==4.26.0",
        ("jsonschema",),
        "jsonschema.validate(1, {'type': 'integer'})\nprint('valid')",
        ("jsonschema/tests/test_validators.py", "jsonschema/tests/test_format.py",
         "jsonschema/tests/test_types.py", "jsonschema/tests/test_utils.py"),
        r"\.benchmarks",
    ),
    Package(
        "markdown-it-py==4.3.0",
        ("markdown_it",),
        "print(markdown_it.MarkdownIt().render('*a*'))",
        ("tests/test_port/test_fixtures.py", "tests/test_port/test_misc.py",
         "tests/test_api/test_plugin_creation.py", "tests/test_api/test_token.py"),
    ),
    Package(
        "mistune==3.4.0",
        ("src/mistune",),
        "print(mistune.html('*a*'))",
        ("tests/test_commonmark.py", "tests/test_directives.py", "tests/test_plugins.py",
         "tests/test_renderers.py", "tests/test_syntax.py"),
    ),
    Package(
        "networkx==3.6.1",
        ("networkx",),
        "print(networkx.shortest_path(networkx.path_graph(4), 0, 3))",
        ("networkx/classes/tests/test_graph.py", "networkx/classes/tests/test_function.py",
         "networkx/algorithms/shortest_paths/tests", "networkx/readwrite/tests/test_gml.py",
         "networkx/generators/tests/test_classic.py", "networkx/utils/tests/test_misc.py"),
        r"^networkx\.(?!classes|readwrite|generators|utils)",
    ),
    Package(
        "packaging==26.3",
        ("src/packaging",),
        "print(packaging.version.Version('1.0rc1'))",
        ("tests/test_direct_url.py", "tests/test_licenses.py", "tests/test_metadata.py",
         "tests/test_ranges.py", "tests/test_utils.py"),
    ),
    Package(
        "pluggy==1.7.0",
        ("src/pluggy",),
        "print(pluggy.PluginManager('a').project_name)",
        ("testing/test_details.py", "testing/test_helpers.py", "testing/test_hookcaller.py",
         "testing/test_invocations.py", "testing/test_multicall.py", "testing/test_result.py"),
    ),
    Package(
        "tomlkit==0.15.2",
        ("tomlkit",),
        "print(tomlkit.parse('a = 1'))",
        ("tests/test_api.py", "tests/test_items.py", "tests/test_toml_document.py",
         "tests/test_build.py", "tests/test_write.py"),
    ),
    Package(
        "toolz==1.2.0",
        ("toolz", "tlz"),
        "print(toolz.pipe(1, str))",
        ("toolz/tests/test_dicttoolz.py", "toolz/tests/test_functoolz.py",
         "toolz/tests/test_itertoolz.py", "toolz/tests/test_curried.py",
         "toolz/tests/test_serialization.py"),
    ),
)  # fmt: skip

_PROGRAM = """\
import sys
{imports}

{demo}

if sys.argv[1:]:
    import pytest

    code = pytest.main(sys.argv[1:])
    tops = [sys.modules.get(top) for top in {tops!r}]
    if None in tops or any("site-packages" in (top.__file__ or "") for top in tops):
        print("other modules were tested")
    sys.exit(code)
"""


def run_real_packages(home: Path, only: str) -> None:
    """A folder, part of a tool's or package's name -> what each tool makes of each package."""
    chosen = [one for one in PACKAGES if only in one.release] or list(PACKAGES)
    tools = [name for name in BUILDERS if only in name] or list(BUILDERS)
    head = f"{'package':22} {'modules':>7} {'build':>8} {'start':>7} {'text':>7} {'code':>5}"
    print(f"\n{head}  own tests passed: plain, {', '.join(tools)}", flush=True)
    whole = dict.fromkeys(tools, 0)
    for package in chosen:
        source = _fetch(package.release, home / package.release)
        desk = _Desk(package, source, home / package.release)
        costs = desk.measure_ours() if tools[0] in OURS else ""
        print(f"{package.release:22} {desk.count:>7} {costs:>31}  ", end="", flush=True)
        plain = desk.run_plain()
        print(plain, end="", flush=True)
        for name in tools:
            said = desk.run_bundled(BUILDERS[name])
            whole[name] += said == plain and "passed" in plain
            print(",", "same" if said == plain else said, end="", flush=True)
        print(flush=True)
    print("all tests as plain:", ", ".join(f"{name} {whole[name]}" for name in tools))


class _Desk:
    """A package's program, and where its tests are run against the program's bundles."""

    def __init__(self, package: Package, source: Path, home: Path) -> None:
        self._package, self._source, self._home = package, source, home
        self._plain = home / "plain"
        for folder in package.folders:
            skipped = ignore_patterns("__pycache__", "tests")
            beside = self._plain / Path(folder).name
            copytree(source / folder, beside, ignore=skipped, copy_function=copyfile)
            away = (source / folder).rename(source / f"{folder}.away")
            for file in away.rglob("__init__.py"):  # nothing but the program answers
                if file.parent.name != "tests":
                    file.unlink()
        self.count = len(list(self._plain.rglob("*.py")))
        imports = "\n".join(f"import {name}" for name in self._list_modules())
        text = _PROGRAM.format(imports=imports, demo=package.demo, tops=package.tops)
        (self._plain / "entry.py").write_text(text, encoding="utf-8")

    def _list_modules(self) -> list[str]:
        """All modules of the package, so that no tool needs to be told of one."""
        left_out = re.compile(f"{self._package.left_out}|__main__")
        files = [file.relative_to(self._plain) for file in self._plain.rglob("*.py")]
        names = [".".join(file.with_suffix("").parts) for file in files]
        found = {name.removesuffix(".__init__") for name in names}
        return sorted(name for name in found if not left_out.search(name))

    def measure_ours(self) -> str:
        """Build, start-ups of both styles over the plain program's, and share of code."""
        outs = [self._home / f"ours{number}.py" for number, _ in enumerate(OURS)]
        try:
            costs = [
                measure_call(lambda build=build, out=out: build(self._plain, out))
                for build, out in zip(OURS.values(), outs, strict=True)
            ]
        except REFUSALS:
            return "fails"
        entry = self._plain / "entry.py"
        starts = measure_start(entry, outs, _STARTS)
        code = measure_code(sorted(self._plain.rglob("*.py")), outs[0])
        return f"{costs[0]:>6.2f} s {starts[0]:>6.2f}x {starts[1]:>6.2f}x {code:>5.0%}"

    def run_plain(self) -> str:
        """Run the program with its tests -> pytest's counts."""
        return self._run_tests(self._plain / "entry.py")

    def run_bundled(self, build: Builder) -> str:
        """Bundle the program and run it in a folder of its own -> pytest's counts."""
        alone = self._home / "alone"
        alone.mkdir()
        try:
            build(self._plain, alone / "entry.py")
        except REFUSALS:
            return "no bundle"
        else:
            self._plain.rename(self._home / "moved away")
            said = self._run_tests(alone / "entry.py")
            (self._home / "moved away").rename(self._plain)
            return said
        finally:
            alone.rename(self._home / f"alone {len(list(self._home.iterdir()))}")

    def _run_tests(self, script: Path) -> str:
        tops = rf"^({'|'.join(self._package.tops)})/"  # some packages hold their own tests
        tests = [self._source / re.sub(tops, r"\1.away/", one) for one in self._package.tests]
        words = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
        words += ["-c", "/dev/null", "--rootdir", str(self._source), "-W", "ignore"]
        environment = {
            "PYTHONPATH": str(self._source / "tests"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PATH": "/usr/bin:/bin",
        }
        try:
            done = subprocess.run(
                [sys.executable, script, *words, *tests],
                cwd=self._source,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=_LIMIT_S,
            )
        except subprocess.TimeoutExpired:
            return "hangs"
        script.with_suffix(".log").write_text(done.stdout + done.stderr, encoding="utf-8")
        return _summarise(done.stdout)


def _summarise(printed: str) -> str:
    """What pytest printed -> its counts without the time; or why there are none."""
    if "other modules were tested" in printed:
        return "other modules"
    last = re.findall(r"^(\d+ (?:passed|failed|error).*) in [\d.]+s.*$", printed, re.MULTILINE)
    return last[-1].replace(", ", " ") if last else "no run"


def _fetch(release: str, home: Path) -> Path:
    """A release -> its unpacked source distribution; the archive is kept in build/."""
    archives = _ARCHIVES / release
    if not archives.is_dir():
        words = ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", archives]
        command = [sys.executable, "-m", "pip", *words, release]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    (archive,) = archives.glob("*.tar.gz")
    unpack_archive(archive, home / "source", filter="data")
    (folder,) = (home / "source").iterdir()
    return folder
