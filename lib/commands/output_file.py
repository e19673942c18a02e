"""Check the path of a file that a command is asked to write, before it does any work."""

from pathlib import Path

from lib.base.places import check_output_folder


def check_output_file(stage: str, path: Path) -> Path:
    """Return a path at which a plain file can be replaced or created; refuse any other.

    A device or a pipe is refused, because the new file would take its place.
    """
    return check_output_folder(stage, path, wanted="a file")
