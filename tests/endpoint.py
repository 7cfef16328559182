"""An OpenAI-compatible server for tests: it answers by the request's key, and counts what it is asked.

    python -m tests.endpoint LOG [--journal FILE] [--moods MOOD,...] [--delay S]

LOG gets a line for each request: its key, and whether its answer was in the journal already, that is: asked twice. The
key chooses among the moods: fine, put off (once), fails (for good), refuses, sleeps (past the asker's time limit).
"""

import argparse
import base64
import io
import json
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from PIL import Image


class Server(ThreadingHTTPServer):
    """Answers on threads; `seen` are the keys of all requests in order."""

    def __init__(
        self, log: Path, journal: Path | None = None, moods: Sequence[str] = ("fine",), delay_s: float = 0.0
    ) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.log, self.journal, self.moods, self.delay_s = log, journal, moods, delay_s
        self.seen: list[str] = []
        self.sizes: set[tuple[int, int]] = set()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def note(self, key: str) -> int:
        """How often this key has come, this time included."""
        with self.lock:
            self.seen.append(key)
            twice = self.journal is not None and self.journal.exists() and key in self.journal.read_text()
            with self.log.open("a") as file:
                file.write(f"{key} {'twice' if twice else 'new'}\n")
            return self.seen.count(key)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.headers["authorization"] == "Bearer wrong":
            self._send(401, {"error": {"message": "who are you?"}})
            return
        self._send(200, {"object": "list", "data": [{"id": "toy", "object": "model", "created": 0, "owned_by": "t"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = self.headers["idempotency-key"]
        times = self.server.note(key)
        picture, text = body["messages"][0]["content"]
        with Image.open(io.BytesIO(base64.b64decode(picture["image_url"]["url"].partition(",")[2]))) as image:
            self.server.sizes.add(image.size)
        assert text["type"] == "text"
        mood = self.server.moods[int(key[:4], 16) % len(self.server.moods)]
        time.sleep(self.server.delay_s + (3.0 if mood == "sleeps" else 0.0))
        if mood == "put off" and times == 1:
            self._send(429, {"error": {"message": "slower"}}, {"retry-after": "0.05"})
        elif mood == "fails":
            self._send(400, {"error": {"message": "no such picture"}})
        else:
            self._send(200, completion(key, refuses=mood == "refuses"))

    def _send(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        try:
            self.send_response(status)
            for name, value in {"content-type": "application/json", "content-length": str(len(data))}.items():
                self.send_header(name, value)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            pass  # the asker was killed


def completion(key: str, refuses: bool = False) -> dict[str, Any]:
    action = int(key[4:12], 16) % 4
    text = f"<perception>- - - -</perception><think>hm</think><answer>{action}</answer>"
    message = {"role": "assistant", "content": None if refuses else text, "refusal": "I will not" if refuses else None}
    return {
        "id": key, "object": "chat.completion", "created": 0, "model": "toy",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 700, "completion_tokens": 20, "total_tokens": 720},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("log", type=Path)
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--moods", default="fine")
    parser.add_argument("--delay", type=float, default=0.0)
    chosen = parser.parse_args()
    server = Server(chosen.log, chosen.journal, chosen.moods.split(","), chosen.delay)
    print(f"ready at {server.url}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
