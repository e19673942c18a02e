"""Credentials and deadlines -> calls to Kaggle by kagglesdk, repeated only where that is safe."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter

from lib.base.errors import InputError
from lib.base.log import log
from lib.kaggle.credentials import CURE, Credentials, find_credentials, list_secrets
from lib.kaggle.errors import KaggleError, explain
from lib.kaggle.timeouts import Patience

Answer = TypeVar("Answer")


class DeadlineAdapter(HTTPAdapter):
    """requests' transport with a deadline on every call that names none of its own."""

    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self._deadline = (patience.connect_s, patience.answer_s)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """A prepared request -> its answer, or requests.Timeout."""
        timeout = self._deadline if timeout is None else timeout
        return super().send(request, stream, timeout, verify, cert, proxies)


@dataclass(frozen=True)
class KaggleSession:
    """A signed-in kagglesdk client, how long to wait for it, and what must never be shown."""

    sdk: Any  # kagglesdk.kaggle_client.KaggleClient
    patience: Patience
    secrets: list[str]

    @property
    def kernels(self) -> Any:
        """kagglesdk's client of KernelsApiService."""
        return self.sdk.kernels.kernels_api_client

    @property
    def competitions(self) -> Any:
        """kagglesdk's client of CompetitionApiService."""
        return self.sdk.competitions.competition_api_client

    def ask(self, what: str, method: Callable[[Any], Answer], request: Any) -> Answer:
        """(what, in words, a method of kagglesdk, its request) -> the answer; repeated if need be.

        Only for calls that change nothing, or that may be made twice without harm.
        """
        return self.repeat(lambda: self.ask_once(what, method, request))

    def ask_once(self, what: str, method: Callable[[Any], Answer], request: Any) -> Answer:
        """(what, in words, a method of kagglesdk, its request) -> the answer, asked once."""
        try:
            return method(request)
        except (
            requests.RequestException,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
        ) as error:
            raise explain(what, error) from None

    def repeat(self, step: Callable[[], Answer]) -> Answer:
        """A step that raises KaggleError -> its result; passing troubles are waited out."""
        for pause in self.patience.list_pauses():
            try:
                return step()
            except KaggleError as error:
                if not error.passing:
                    raise
                self.wait_out(error, pause)
        return step()

    def wait_out(self, error: KaggleError, pause_s: float) -> None:
        """A passing trouble and a pause -> a line that says so, and the wait, or Retry-After's."""
        wait = max(pause_s, min(error.retry_after_s, self.patience.longest_pause_s))
        log("kaggle", f"{error.what}: {error.got}; trying again in {wait:.1f} s")
        time.sleep(wait)


@contextmanager
def open_session(patience: Patience) -> Iterator[KaggleSession]:
    """How long to wait -> a session with the credentials that the kaggle client would take.

    The client of the `kaggle` package authenticates on import, without a deadline; kagglesdk
    beneath it does so only when told to.
    """
    found = find_credentials()
    if not found:
        raise InputError("kaggle", "no credentials were found", cure=CURE)
    sdk = _sign_in(found[0], patience)
    try:
        yield KaggleSession(sdk, patience, list_secrets())
    finally:
        sdk.http_client()._session.close()


def open_plain_session(patience: Patience) -> requests.Session:
    """How long to wait -> a session without credentials, for addresses that carry a signature."""
    return _set_deadlines(requests.Session(), patience)


def _sign_in(credentials: Credentials, patience: Patience) -> Any:
    from kagglesdk.kaggle_creds import KaggleCredentials

    if credentials.kind == "token":
        return _make_client(patience, api_token=credentials.token)
    if credentials.kind == "key":
        return _make_client(patience, username=credentials.username, password=credentials.key)
    unsigned = _make_client(patience)
    try:
        token = KaggleCredentials.load(unsigned).get_access_token()
    except (requests.RequestException, ValueError, KeyError) as error:
        raise explain("refreshing the OAuth login", error) from None
    finally:
        unsigned.http_client()._session.close()
    return _make_client(patience, api_token=token)


def _make_client(
    patience: Patience,
    api_token: str | None = None,
    username: str | None = None,
    password: str | None = None,
) -> Any:
    from kagglesdk.kaggle_client import KaggleClient
    from kagglesdk.kaggle_env import KaggleEnv

    named = os.environ.get("KAGGLE_API_ENVIRONMENT", "PROD")
    if named not in ("PROD", "LOCALHOST"):  # the kaggle client sends these to the real host
        raise InputError(
            "kaggle",
            "KAGGLE_API_ENVIRONMENT names no host",
            expected="PROD or LOCALHOST",
            got=repr(named),
            cure="unset it",
        )
    place = KaggleEnv.LOCAL if named == "LOCALHOST" else KaggleEnv.PROD
    client = KaggleClient(
        env=place,
        username=username,
        password=password,
        api_token=api_token,
    )
    client.__enter__()  # opens the session
    _set_deadlines(client.http_client()._session, patience)
    return client


def _set_deadlines(session: requests.Session, patience: Patience) -> requests.Session:
    for scheme in ("http://", "https://"):
        session.mount(scheme, DeadlineAdapter(patience))
    return session
