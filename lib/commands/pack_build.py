"""Build one kernel that runs two variants side by side; refuse a pair that does not fit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lib.base.errors import InputError
from lib.base.kaggle_limits import SOURCE_BYTES
from lib.bundler.entry import Entry
from lib.commands.book.chapters import list_chapters
from lib.commands.book.pack_text import (
    NamedConfig,
    render_configs,
    render_pack_entry,
    render_pack_head,
)
from lib.commands.kernel_build import ENTRY_NAME, BuiltKernel, write_script
from lib.kaggle.git_state import read_git_state
from lib.kaggle.metadata import take_form
from lib.kaggle.metadata_fields import FILE_NAME, read_fields
from lib.kernel.configuration.config import as_dict


def build_pack(root: Path, variants: Sequence[NamedConfig], full: bool = False) -> BuiltKernel:
    """Write the script of a pack and its manifest into build/, as build_kernel does for one.

    It holds the modules that any of the variants needs.
    """
    fields, state = take_form(read_fields(root / FILE_NAME), "script"), read_git_state(root)
    facts: dict[str, Any] = {"commit": state.commit, "changed": list(state.changed)}
    facts.update(config=share_config(variants), form="script", full=full)
    facts["variants"] = [{"name": name, "config": as_dict(each)} for name, each in variants]
    try:
        return write_script(root, make_pack_entry(root, variants, full), fields, facts)
    except InputError as error:
        if f"{SOURCE_BYTES:,}" not in str(error):
            raise
        names = " and ".join(name for name, _ in variants)
        cure = "sweep without --pack" + (", or without --full" if full else "")
        raise InputError(
            "pack",
            f"{names} do not fit into one kernel",
            expected=f"{SOURCE_BYTES:,} bytes at most",
            got=error.got or str(error).splitlines()[0],
            cure=f"{cure}; or list recipes that share more, as pixel,r3gan do",
        ) from None


def make_pack_entry(root: Path, variants: Sequence[NamedConfig], full: bool = False) -> Entry:
    """(root, the variants, whether everything goes in) -> the Entry to bundle."""
    return Entry(
        text=render_pack_entry(root / "kernel_template", variants, full),
        name=ENTRY_NAME,
        root=root,
        limit=SOURCE_BYTES,
        preface=render_configs(variants),
        head=render_pack_head(variants, root / "LICENSE"),
        chapters=list_chapters(variants[0].config, ENTRY_NAME),
    )


def share_config(variants: Sequence[NamedConfig]) -> dict[str, Any]:
    """The variants -> the settings that all of them have, and the longest one's minutes."""
    first, *others = (as_dict(config) for _, config in variants)
    same = {key: value for key, value in first.items() if all(o[key] == value for o in others)}
    return {**same, "minutes": max(config.minutes for _, config in variants)}
