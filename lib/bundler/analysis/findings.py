"""What one module says of other modules and of files."""

from dataclasses import dataclass, field

from lib.bundler.analysis.names import When


@dataclass(frozen=True)
class FileUse:
    """A file, folder or glob that a module names, by a path from the root.

    Kinds: "anchored" (computed from __file__), "beside" (a text that may be joined to it),
    "literal" (relative to the working folder), "opened" (the same, and a file for sure),
    "joined" (to a folder that is not known), "resource" (in a package's folder),
    "written", "write" (it writes beside __file__), "moved" (that is made the working folder),
    "search" and "extend" (packages lie there).
    """

    path: str  # may begin with ".."; of a literal, relative to the entry's folder
    line: int
    kind: str
    late: bool = False  # of a folder for packages: behind all others
    column: int = 0


@dataclass(frozen=True)
class Import:
    """One import statement, or one call that imports a module by a literal name."""

    module: str  # absolute and dotted
    names: tuple[str, ...]  # of `from module import names`; empty for `import module`
    line: int
    when: When  # load: always; maybe: under an `if`; later: in a function; optional: in a try


@dataclass(frozen=True)
class Mention:
    """A string that may name a module, or something in one: "pkg.mod.Class", "pkg.mod:Class"."""

    name: str  # absolute and dotted
    line: int
    alone: bool = False  # it may be a module's name even without a dot


@dataclass(frozen=True)
class Family:
    """Modules that are taken together: those whose dotted names match a glob."""

    pattern: str  # "models.*", "cli.cmd_*"
    line: int


@dataclass
class Findings:
    """What one module says about other modules and about files."""

    imports: list[Import] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)
    families: list[Family] = field(default_factory=list)  # of computed names that are imported
    starts: list[Family] = field(default_factory=list)  # of texts that may be imported somewhere
    unfollowed: list[tuple[int, bool]] = field(
        default_factory=list
    )  # (line, from outside for sure)
    scans_what_is_named: bool = False  # it lists the modules of a package that it is handed
    exports: dict[str, str] = field(default_factory=dict)  # names of paths computed from __file__
    words: list[Mention] = field(default_factory=list)  # names of a computed import, where one is
    file_needs: list[str] = field(default_factory=list)  # reasons why files must lie on disk
    files: list[FileUse] = field(default_factory=list)  # files and folders that it names
    search: list[FileUse] = field(default_factory=list)  # folders that it puts on sys.path
    extends: list[FileUse] = field(default_factory=list)  # folders that it adds to its __path__
