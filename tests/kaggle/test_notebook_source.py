"""A notebook is sent as the plain client sends it, whose server takes no lists of lines."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lib.base.errors import InputError
from lib.kaggle.projects.notebook_source import read_source
from lib.kaggle.push import push_cargo
from tests.kaggle_place import REF, open_place, play_complete

BOOK = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["# A title\n", "with words"]},
        {
            "cell_type": "code",
            "metadata": {},
            "source": ["x = 1\n", "print(x)"],
            "outputs": [{"output_type": "stream", "name": "stdout", "text": ["1\n"]}],
            "execution_count": 1,
        },
        {"cell_type": "code", "metadata": {}, "source": "print('\u00e9')", "outputs": []},
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def test_cells_go_out_as_the_plain_client_sends_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_place(tmp_path, monkeypatch) as place:
        place.server.play = play_complete
        place.write_metadata(kernel_type="notebook", code_file="build/kernel.ipynb")
        path = place.work.root / "build" / "kernel.ipynb"
        cargo = replace(place.make_cargo(), source=path)
        path.write_text(json.dumps(BOOK))
        push_cargo(place.work, place.session, place.metadata, cargo)
        client = Path(sys.executable).with_name("kaggle")
        words = [client, "kernels", "push", "-p", str(place.work.root)]
        subprocess.run(words, env=dict(os.environ), check=True, capture_output=True)
        ours, theirs = (version.request["text"] for version in place.server.versions[REF])
    assert ours == theirs
    sent = json.loads(ours)["cells"]
    assert [cell["source"] for cell in sent[:2]] == ["# A title\nwith words", "x = 1\nprint(x)"]
    assert sent[1]["outputs"] == []


def test_what_is_in_order_stays_to_the_byte() -> None:
    text = '{"cells": [ {"cell_type": "code", "source": "x", "outputs": []} ]}\n'
    assert read_source(text, "notebook") == text
    assert read_source("print(1)", "script") == "print(1)"


@pytest.mark.parametrize(
    "text", ["", "print(1)", "[]", '{"cells": 3}', '{"cells": [3]}', "[" * 9999]
)
def test_what_is_no_notebook_is_a_mistake(text: str) -> None:
    with pytest.raises(InputError, match="no notebook"):
        read_source(text, "notebook")
