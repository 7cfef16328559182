"""Chromium without a window, spoken to over two pipes by its DevTools protocol: for the tests of pages, and to measure.

    with open_page(path, width=1280, height=900) as page:
        page.evaluate("document.title")
        page.press("ArrowRight")
        page.screenshot(Path("page.png"))

Messages are JSON objects that end with a zero byte; no socket, no library, nothing downloaded.
"""

import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PROGRAM = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--hide-scrollbars", "--force-color-profile=srgb", "--remote-debugging-pipe",
)  # fmt: skip
KEYS = {" ": ("Space", 32, " "), "[": ("BracketLeft", 219, "["), "]": ("BracketRight", 221, "]")}
CODES = {"ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, "Tab": 9, "Enter": 13}


class Page:
    """One page of a browser; `errors` is what its scripts threw or printed as errors, and what it could not load."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = os.fdopen(to_browser, "wb", buffering=0), os.fdopen(from_browser, "rb", buffering=0)
        self._numbers, self._buffer, self._session = itertools.count(1), b"", ""
        self.errors: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """The browser takes the end of its pipes as the order to quit."""
        self._to.close()
        self._from.close()

    def call(self, method: str, **parameters: Any) -> Any:
        """One command and its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        self._to.write(json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != number:
            self._note(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            if not (some := self._from.read(1 << 20)):
                raise RuntimeError("the browser has ended")
            self._buffer += some
        line, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(line)
        return found

    def _note(self, event: dict[str, Any]) -> None:
        kind, of = event.get("method"), event.get("params", {})
        if kind == "Runtime.exceptionThrown":
            self.errors.append(of["exceptionDetails"].get("exception", {}).get("description", str(of)))
        if kind == "Log.entryAdded" and of["entry"]["level"] == "error":
            self.errors.append(of["entry"]["text"])

    def size(self, width: int, height: int, scale: float = 1.0, dark: bool = False, phone: bool = False) -> None:
        """The size of the window, and what its reader prefers."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, path: Path) -> None:
        """A file, as a double click opens it; until its first replay is there."""
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.evaluate(
            "new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))"
        )
        self.evaluate("globalThis.ready")

    def evaluate(self, script: str) -> Any:
        """The value of an expression, promises awaited. Raises `RuntimeError` for what it throws."""
        found = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["result"].get("description", found["exceptionDetails"]["text"]))
        return found["result"].get("value")

    def press(self, key: str) -> None:
        """One key, down and up."""
        code, number, text = KEYS.get(key, (key, CODES.get(key, 0), ""))
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code, windowsVirtualKeyCode=number, text=text)

    def screenshot(self, path: Path, selector: str | None = None, whole: bool = False) -> None:
        """What is seen, or one element, or the whole page, as PNG."""
        options: dict[str, Any] = {"captureBeyondViewport": whole or selector is not None}
        if selector is not None:
            side = "(box => ({x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: box.height}))"
            options["clip"] = {
                **self.evaluate(f"{side}(document.querySelector({selector!r}).getBoundingClientRect())"), "scale": 1,
            }  # fmt: skip
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", **options)["data"]))


@contextmanager
def open_page(path: Path, width: int = 1280, height: int = 900, **looks: Any) -> Iterator[Page]:
    """A page in a browser of its own, with a profile that is thrown away."""
    assert PROGRAM is not None
    commands, to_browser = os.pipe()
    from_browser, answers = os.pipe()
    with tempfile.TemporaryDirectory(prefix="g1-browser-", ignore_cleanup_errors=True) as profile:
        script = f'exec "$@" 3<&{commands} 4>&{answers}'
        flags = [*FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(
            ["bash", "-c", script, "bash", PROGRAM, *flags], pass_fds=(commands, answers), stderr=subprocess.DEVNULL
        )
        os.close(commands)
        os.close(answers)
        page = Page(to_browser, from_browser)
        try:
            page.size(width, height, **looks)
            page.open(path)
            yield page
        finally:
            page.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
