"""Files by their paths -> a folder like site-packages with one more distribution in it."""

from collections.abc import Mapping
from pathlib import Path


def install(
    folder: Path,
    name: str,
    files: Mapping[str, str | bytes],
    *,
    metadata: str = "",
    tag: str = "py3-none-any",
    info: Mapping[str, str] | None = None,
) -> Path:
    """Writes a distribution as pip does, with its RECORD; tells the folder of its metadata."""
    own = folder / f"{name.replace('-', '_')}-1.2.dist-info"
    own.mkdir(parents=True)
    head = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.2\n{metadata}\nIts description.\n"
    texts = {"METADATA": head, "WHEEL": f"Wheel-Version: 1.0\nTag: {tag}\n", **(info or {})}
    recorded = []
    for path, content in {**files, **{f"{own.name}/{k}": v for k, v in texts.items()}}.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        raw = content.encode() if isinstance(content, str) else content
        target.write_bytes(raw)
        recorded.append(f"{path},sha256=x,{len(raw)}")
    (own / "RECORD").write_text("\n".join([*recorded, f"{own.name}/RECORD,,"]))
    return own
