"""Secrets planted in all that leaves or is shown: nothing goes out, and none is ever printed."""

import base64
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.base.errors import InputError
from lib.commands.offline.submission_check import check_submission
from lib.kaggle.client.credentials import find_credentials, is_private, list_secrets
from lib.kaggle.client.secrets import clean_line, find_secrets, hide_queries, refuse_secrets
from lib.kaggle.client.session import open_session
from lib.kaggle.client.timeouts import Patience
from lib.kaggle.submit_run import submit_and_record
from tests.kaggle_place import REF, Place, make_script, open_place, play_complete
from tests.kaggle_state import KEY, TOKEN, USER

PAIR = base64.b64encode(f"{USER}:{KEY}".encode()).decode().rstrip("=")
PLANTED = {
    "token prefix": "KGAT_abcdef0123",
    "key": KEY,
    "base64 of user:key": PAIR,
    "home": "/home/ada/data/weights.pth",
    "mac home": "/Users/ada/x",
    "windows home": "C:\\Users\\ada\\x",
    "root's home": "/root/secret",
    "header": f"Authorization: Basic {'QUJD' * 8}",
    "kaggle.json": '{"username": "bob", "key": "' + "ab" * 16 + '"}',
    "variable": f'os.environ["KAGGLE_KEY"] = "{"ab" * 16}"',
    "shell": f"!export KAGGLE_KEY={'ab' * 16}",
    "setdefault": f"os.environ.setdefault('KAGGLE_KEY', '{'ab' * 16}')",
    "notebook": '"os.environ[\\"KAGGLE_KEY\\"] = \\"' + "ab" * 16 + '\\""',
    "call": f'dict(username="bob", key="{"ab" * 16}")',
    **{
        f"base64 at {lead}": base64.b64encode(f"{'x' * lead}{KEY} and more".encode()).decode()
        for lead in range(4)
    },
    "base64 of kaggle.json": base64.b64encode(
        f'{{"username":"ada","key":"{KEY}"}}'.encode()
    ).decode(),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with open_place(tmp_path, monkeypatch) as place:
        place.server.play = play_complete
        yield place


@pytest.mark.parametrize("name", PLANTED)
def test_planted_secret_in_the_bundle_stops_the_push(
    place: Place, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="line 2") as caught:
        place.push(make_script(more=f"# fine\n# {PLANTED[name]}\n"))
    assert place.server.count("SaveKernel") == 0
    shown = capsys.readouterr()
    assert PLANTED[name] not in str(caught.value) + shown.out + shown.err


@pytest.mark.parametrize("name", PLANTED)
def test_planted_secret_in_the_metadata_stops_the_push(place: Place, name: str) -> None:
    place.write_metadata(keywords=[PLANTED[name]])
    with pytest.raises(InputError, match=r"kernel-metadata\.json holds"):
        place.push()
    assert place.server.count("SaveKernel") == 0


def test_planted_secret_in_the_message_stops_the_submission(place: Place) -> None:
    place.server.play = None
    place.push()
    place.server.close_runs()
    for name in ("token prefix", "key", "base64 of user:key", "home"):
        with pytest.raises(InputError, match="the message holds"):
            submit_and_record(
                place.work, place.session, REF, 1, PLANTED[name], False, check_submission
            )
    assert place.server.count("StartSubmissionUpload") == 0


@pytest.mark.parametrize("name", PLANTED)
def test_planted_secret_in_a_log_is_not_shown(place: Place, name: str) -> None:
    shown = clean_line(f"before {PLANTED[name]} after", place.session.secrets)
    assert PLANTED[name] not in shown


def test_own_home_is_found_wherever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/srv/people/ada")
    assert find_secrets("x = '/srv/people/ada/x'", []) == [(1, "an absolute home path")]
    assert clean_line("/srv/people/ada/x", []) == "~/x"


@pytest.mark.parametrize(
    "line",
    [
        "/kaggle/working/submission.csv",
        "https://example.org/home/page",
        "lib/home/x",
        "the root of it",
        "KGAT",
        "basic ideas",
        "key: value",
        '{"key": "short"}',
        'os.environ["KAGGLE_KEY"] = secrets.get_secret("KAGGLE_KEY")',
        f"username of the commit {'ab' * 20}",
    ],
)
def test_harmless_line_passes(line: str) -> None:
    assert find_secrets(line, [KEY]) == []
    assert clean_line(line, [KEY]) == line


def test_signed_address_is_cut_at_its_query() -> None:
    text = "GET https://storage.googleapis.com/a/b?X-Goog-Signature=c0ffee&x=1 done"
    assert hide_queries(text) == "GET https://storage.googleapis.com/a/b?[hidden] done"


def test_refusal_counts_lines_and_quotes_nothing() -> None:
    with pytest.raises(InputError, match="line 3: your own Kaggle credentials") as caught:
        refuse_secrets("the text", f"a\nb\n{KEY}\n", [KEY])
    assert KEY not in str(caught.value)


def test_all_credentials_of_all_places_count_as_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ".kaggle"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KAGGLE_CONFIG_DIR", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert find_credentials() == []
    (folder / "kaggle.json").write_text(f'{{"username": "{USER}", "key": "{KEY}"}}')
    (folder / "access_token").write_text(TOKEN + "\n")
    (folder / "credentials.json").write_text('{"refresh_token": "refresh-me", "username": "ada"}')
    assert [found.kind for found in find_credentials()] == ["token", "key", "oauth"]
    assert set(list_secrets()) == {TOKEN, KEY, PAIR, "refresh-me"}
    assert KEY not in repr(find_credentials())
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_other")
    assert find_credentials()[0].token == "KGAT_other"
    monkeypatch.setenv("KAGGLE_USERNAME", "bob")
    monkeypatch.setenv("KAGGLE_KEY", "k" * 32)
    assert [found.username for found in find_credentials() if found.kind == "key"] == ["bob"]
    (folder / "kaggle.json").chmod(0o644)
    assert not is_private(folder / "kaggle.json")
    (folder / "kaggle.json").chmod(0o600)
    assert is_private(folder / "kaggle.json")


def test_a_variable_that_ends_in_a_newline_is_the_same_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A line never holds the newline, so one's own key went out; and Kaggle refused to sign in."""
    for name, value in (("USERNAME", USER), ("KEY", KEY), ("API_TOKEN", TOKEN)):
        monkeypatch.setenv(f"KAGGLE_{name}", f" {value}\n")
    assert [(one.token, one.key) for one in find_credentials()[:1]] == [(TOKEN, "")]
    assert {TOKEN, KEY, PAIR} <= set(list_secrets())
    assert find_secrets(f"x = '{KEY}'", list_secrets()) == [(1, "your own Kaggle credentials")]


@pytest.mark.parametrize("value", ["KGAT_\u00e9", "k\udcffkkkkkk"], ids=ascii)
def test_credentials_that_no_header_takes_are_told_at_once(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """They were called an answer that is not of the protocol, after half a minute of tries."""
    monkeypatch.setenv("KAGGLE_API_TOKEN", value)
    words = r"no token, name or key[\s\S]*make a token"
    with pytest.raises(InputError, match=words), open_session(Patience()):
        pass


def test_importing_the_host_never_authenticates(tmp_path: Path) -> None:
    """Every module that stays here is imported by a process that may not open a connection."""
    root = Path(__file__).resolve().parents[2]
    paths = [path.relative_to(root) for path in (root / "lib").rglob("*.py")]
    names = sorted(
        ".".join(path.with_suffix("").parts) for path in paths if path.parts[1] != "kernel"
    )
    code = (
        "import socket, sys\n"
        "def refuse(*words): raise SystemExit('a connection was tried')\n"
        "socket.socket.connect = refuse\n"
        f"for name in {names!r}:\n"
        "    __import__(name)\n"
        "assert 'kaggle' not in sys.modules and 'kagglesdk' not in sys.modules\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={"HOME": str(home), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert list(home.iterdir()) == []
    assert importlib.import_module("lib.kaggle.client.session")
