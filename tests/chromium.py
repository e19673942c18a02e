"""A page in headless Chromium, which is driven over a pipe: what a user sees and does there."""

import base64
import fcntl
import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-quic"),
    *("--remote-debugging-pipe", "--hide-scrollbars", "--disable-extensions"),
)
_READS, _WRITES = 3, 4  # the descriptors at which Chromium takes commands and answers


class Tab:
    """A tab; every command waits for its answer. It uses the protocol of Chromium's own tools."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._rest, self._number = b"", 0
        self._session = ""
        self.messages: list[dict[str, Any]] = []  # what the tab told without being asked
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        found = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = found["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command and its parameters -> its result."""
        self._number += 1
        session = {"sessionId": self._session} if self._session else {}
        command = {"id": self._number, "method": method, "params": parameters, **session}
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while True:
            message = self._read()
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]
            self.messages.append(message)

    def open(self, page: Path, width: int = 1200, dark: bool = False) -> None:
        """Open a file in a window of this width, light or dark, and wait until it has loaded."""
        is_phone, scheme = width < 500, "dark" if dark else "light"
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=800,
            deviceScaleFactor=1,
            mobile=is_phone,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])
        self.messages.clear()
        self.call("Page.navigate", url=page.as_uri())
        while not any(each.get("method") == "Page.loadEventFired" for each in self.messages):
            self.messages.append(self._read())

    def ask(self, expression: str) -> Any:
        """JavaScript -> its value; an exception in it fails the test."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def click(self, selector: str) -> None:
        """Press the mouse on the middle of the element that a CSS selector finds first."""
        where = f"document.querySelector({json.dumps(selector)})"
        self.ask(f"{where}.scrollIntoView({{block: 'center'}})")
        box = self.ask(f"JSON.stringify({where}.getBoundingClientRect())")
        sides = json.loads(box)
        point = {
            "x": sides["x"] + sides["width"] / 2,
            "y": sides["y"] + sides["height"] / 2,
            "button": "left",
            "clickCount": 1,
        }
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, **point)

    def press(self, key: str, text: str = "") -> None:
        """Press a key where the focus is."""
        codes = {"Enter": 13, " ": 32, "Tab": 9}
        parts = {"key": key, "windowsVirtualKeyCode": codes[key], "text": text}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, **parts)

    def write(self, text: str) -> None:
        """Type a text where the focus is."""
        self.call("Input.insertText", text=text)

    def see(self) -> np.ndarray:
        """The whole page -> (height, width, 3) uint8."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        png = base64.b64decode(shot["data"])
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))

    def list_requests(self) -> list[str]:
        """List the addresses that the page asked for since it was opened."""
        asked = (each for each in self.messages if each["method"] == "Network.requestWillBeSent")
        return [each["params"]["request"]["url"] for each in asked]

    def list_errors(self) -> list[str]:
        """List exceptions and messages of the console since the page was opened."""
        names = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [json.dumps(each["params"]) for each in self.messages if each["method"] in names]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            piece = os.read(self._answers, 1 << 16)
            assert piece, "Chromium has ended"
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


@contextmanager
def open_tab(folder: Path) -> Iterator[Tab]:
    """A folder for its profile -> a tab of a Chromium that ends with the block."""
    assert CHROMIUM
    ends = [*os.pipe(), *os.pipe()]
    far = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]  # clear of 3 and 4
    for end in ends:
        os.close(end)
    read_commands, write_commands, read_answers, write_answers = far
    profile = f"--user-data-dir={folder / 'profile'}"
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    actions = [
        (os.POSIX_SPAWN_DUP2, read_commands, _READS),
        (os.POSIX_SPAWN_DUP2, write_answers, _WRITES),
        (os.POSIX_SPAWN_DUP2, null, 2),
    ]
    words = [CHROMIUM, *FLAGS, profile, "about:blank"]
    process = os.posix_spawn(CHROMIUM, words, dict(os.environ), file_actions=actions)
    for end in (read_commands, write_answers, null):
        os.close(end)
    try:
        tab = Tab(write_commands, read_answers)
        yield tab
    finally:
        os.close(write_commands)  # Chromium ends when its pipe does
        os.waitpid(process, 0)
        os.close(read_answers)
