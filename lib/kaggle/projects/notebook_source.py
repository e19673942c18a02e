"""A notebook's JSON -> the same as Kaggle's server takes it: each cell's source one text."""

import json

from lib.base.errors import InputError


def read_source(text: str, kernel_type: str) -> str:
    """(the text of a code file, its kernel_type) -> the text to send.

    The format lets a cell's source be a list of lines, the server does not: the plain client joins
    them and drops the outputs of code before it sends, and so does this. Other files stay.
    """
    if kernel_type != "notebook":
        return text
    try:
        book = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refuse(str(error)) from None
    cells = book.get("cells", []) if isinstance(book, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise _refuse("no list of cells")
    before = json.dumps(book)
    for cell in cells:
        if cell.get("cell_type") == "code" and "outputs" in cell:
            cell["outputs"] = []
        source = cell.get("source")
        if isinstance(source, list):
            cell["source"] = "".join(map(str, source))
    after = json.dumps(book)
    return text if after == before else after


def _refuse(got: str) -> InputError:
    return InputError(
        "push",
        "the code file is no notebook, as kernel_type says",
        expected="the JSON of a Jupyter notebook",
        got=got,
        cure="build it again, or set kernel_type to script",
    )
