"""Two named Configs -> the head, the CONFIG blocks and the entry of a kernel that runs both."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lib.commands.book.config_block import render_config
from lib.commands.book.entry_text import choose_parts, list_imports, quote_text, render_template
from lib.commands.book.head import describe_kernel, describe_licence, lay_out_head
from lib.kernel.competition.table import find_rules
from lib.kernel.configuration.config import Config
from lib.kernel.recipes.table import Row


class NamedConfig(NamedTuple):
    """A variant of a pack: its name, which its folder has too, and its Config."""

    name: str
    config: Config


@dataclass(frozen=True)
class _Block:
    """What the entry's template says of a variant."""

    quoted: str  # its name, as Python
    block: str  # the name of its CONFIG
    recipes: tuple[Row, ...]
    stages: dict[str, str]


def render_pack_entry(templates: Path, variants: Sequence[NamedConfig], full: bool = False) -> str:
    """(kernel_template/, the variants, whether all goes in) -> the text of the entry."""
    parts = [choose_parts(config, full) for _, config in variants]
    blocks = [
        _Block(repr(name), _name_block(number), own.recipes, dict(own.stages))
        for number, ((name, _), own) in enumerate(zip(variants, parts, strict=True))
    ]
    report = (templates / "report.html.j2").read_text(encoding="utf-8")
    return render_template(
        templates / "pack_entry.py.j2",
        variants=blocks,
        imports=list_imports(variants[0].config.competition, parts),
        report_template=quote_text(report),
    )


def render_configs(variants: Sequence[NamedConfig]) -> str:
    """The variants -> their blocks CONFIG_1 = {...} and so on, each below a line on whose it is."""
    blocks = []
    for number, (name, config) in enumerate(variants):
        told = f"# Variant {number + 1} of {len(variants)}, whose files go into the folder {name}."
        block = render_config(config).replace("\nCONFIG = {", f"\n{_name_block(number)} = {{", 1)
        block = block.replace("this kernel holds no other", "this variant knows no other")
        blocks.append(f"{told}\n{block}")
    return "\n".join(blocks)


def render_pack_head(variants: Sequence[NamedConfig], licence: Path) -> str:
    """(the variants, path of LICENSE) -> the head of their kernel, without the "#" of each line."""
    rules = find_rules(variants[0].config.competition)
    title = f"{rules.title}: {len(variants)} variants side by side, made by Kernelpress."
    return lay_out_head(title, [*_describe(variants), ("LICENCE", describe_licence(licence))])


def _describe(variants: Sequence[NamedConfig]) -> Iterator[tuple[str, str]]:
    """The variants -> a word and a text for each paragraph of the head."""
    told = [f"{name} (recipe {config.recipe})" for name, config in variants]
    longest = max(variants, key=lambda variant: variant.config.minutes).config
    own = dict(describe_kernel(longest))
    rules = find_rules(longest.competition)
    yield (
        "WHAT",
        f"{rules.task} Variants: {', '.join(told)}. Each runs in a process of its own, on one GPU "
        "each where there are as many; one that fails leaves the others as they are.",
    )
    yield "READS", own["READS"]
    yield "WRITES", f"A folder for each variant, named as it is. {own['WRITES']}"
    yield "TAKES", f"All at once, each by its own clock. {own['TAKES']}"
    blocks = [_name_block(number) for number in range(len(variants))]
    yield "CHANGE FIRST", f"The first keys of {' and '.join(blocks)}, the settings of each variant."
    yield "FORK", own["FORK"].replace("change CONFIG", f"change {' and '.join(blocks)}")
    yield "EDIT", own["EDIT"]


def _name_block(number: int) -> str:
    return f"CONFIG_{number + 1}"
