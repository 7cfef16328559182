"""A TCP proxy that can cut, freeze, delay and heal what runs through it.

with Proxy("tcp://127.0.0.1:5601") as proxy:   proxy.address is dialled instead
"""

import asyncio
import threading
from typing import Literal

State = Literal["whole", "cut", "frozen"]
CHUNK_BYTES = 1 << 16


class Proxy:
    """`cut` closes all connections and refuses new ones; `freeze` keeps them and lets nothing through."""

    def __init__(self, target: str) -> None:
        self._host, _, port = target.removeprefix("tcp://").rpartition(":")
        self._port = int(port)
        self.delay_s = 0.0
        self._state: State = "whole"
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.address = f"tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._accept, "127.0.0.1", 0)

    def cut(self) -> None:
        self._set("cut")

    def freeze(self) -> None:
        self._set("frozen")

    def heal(self) -> None:
        self._set("whole")

    def _set(self, state: State) -> None:
        async def change() -> None:
            self._state = state
            for writer in list(self._writers) if state == "cut" else ():
                writer.close()

        asyncio.run_coroutine_threadsafe(change(), self._loop).result()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pumps.add(task)
        try:
            if self._state == "cut":
                return
            there = await asyncio.open_connection(self._host, self._port)
            self._writers |= {writer, there[1]}
            await asyncio.gather(self._pump(reader, there[1]), self._pump(there[0], writer))
        except OSError:
            return
        finally:
            self._pumps.discard(task)
            self._writers.discard(writer)
            writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK_BYTES):
                await asyncio.sleep(self.delay_s)
                while self._state == "frozen":
                    await asyncio.sleep(0.02)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def close(self) -> None:
        async def end() -> None:
            self._server.close()
            for task in list(self._pumps):
                task.cancel()
            await asyncio.gather(*self._pumps, return_exceptions=True)
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
