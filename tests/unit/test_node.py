"""The node: programs that know only MessagePack, bad bytes, policy versions, weights; each against a real process."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import numpy as np
import pytest

from engine.errors import ConnectError, WeightsError
from engine.game import start_states
from engine.net import wire
from engine.rollout.episode import frame_of
from engine.start import make_game
from engine.ticket import GameSpec
from g1train.inference.backend import BackendError
from g1train.inference.client import NodeClient
from g1train.inference.gate import Gate, Refused
from g1train.inference.node import serve
from g1train.inference.scripted import PLAYERS, Scripted
from tests import processes
from tests.foreign import JOIN, connected

GAME = GameSpec("2048", {"tile_px": 28, "strip": False})
Exchange = Callable[..., dict[str, Any]]


def an_ask(num_samples: int = 1, version: int = -1, state: bytes | None = None) -> wire.Ask:
    game = make_game(GAME)
    record = start_states(game, [1], 10)
    frame = frame_of(game, record)
    return wire.Ask(
        id=0,
        turns=[wire.Turn(game.prompt, frame)],
        num_samples=num_samples,
        seed=3,
        temperature=1.0,
        max_tokens=256,
        version=version,
        game=GAME,
        state=record.tobytes() if state is None else state,
    )


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A node that all tests of this file use."""
    where = f"ipc://{tmp_path_factory.mktemp('node')}/node"
    with processes.node(where, "random"):
        yield where


@pytest.fixture
def exchange(address: str) -> Iterator[Exchange]:
    """Send one message as a foreign program does, and get the next one that is no beat."""
    with connected(address) as foreign:
        yield foreign.exchange


def test_a_program_with_msgpack_alone_can_ask(exchange: Exchange) -> None:
    welcome = exchange(JOIN)
    assert (welcome["type"], welcome["backend"], welcome["needs_state"]) == ("welcome", "random", True)
    ask = {
        "type": "ask",
        "id": 5,
        "turns": [{"text": "Play.", "frame": {"codec": "pixels", "height": 2, "width": 2, "data": bytes(12)}}],
        "num_samples": 2,
        "seed": 7,
        "temperature": 1.0,
        "max_tokens": 64,
        "game": {"name": "2048", "settings": {"tile_px": 28, "strip": False}},
        "state": start_states(make_game(GAME), [1], 10).tobytes(),
    }
    answer = exchange(ask)
    assert (answer["type"], answer["id"], answer["version"]) == ("answer", 5, -1)
    assert answer["prompt"] == wire.pack_ids(list(b"Play."))
    assert len(answer["samples"]) == 2
    assert answer["samples"][0]["text"].startswith("<perception>")
    assert answer["samples"][0]["tokens"] == wire.pack_ids(list(answer["samples"][0]["text"].encode()))
    assert exchange(ask) == answer


def test_strangers_are_told_to_join_and_other_versions_to_update(exchange: Exchange) -> None:
    reply = exchange({"type": "beat"})
    assert (reply["type"], reply["rejoin"]) == ("fault", True)
    assert "speaks protocol 99" in exchange({**JOIN, "protocol": 99})["reason"]


@pytest.mark.parametrize(
    "message", [b"", b"\xc1", b"\x00" * 100, b"\x81\xa4type\xa3ask", msgpack.packb({"type": "king"})]
)
def test_bad_bytes_are_answered_with_a_fault(exchange: Exchange, message: bytes) -> None:
    exchange(JOIN)
    assert exchange(message)["type"] == "fault"
    assert exchange(JOIN)["type"] == "welcome"


def test_messages_that_do_not_belong_here(exchange: Exchange) -> None:
    exchange(JOIN)
    assert "cannot send Pull" in exchange({"type": "pull", "credit": 1})["reason"]
    assert "cannot send WeightCall" in exchange({"type": "weightcall", "id": 1, "phase": "start"})["reason"]
    assert "did not decode" in exchange({"type": "atlas", "digest": b"x", "data": b"y"})["reason"]
    exchange({**JOIN, "role": "monitor"})
    assert "a monitor cannot send Ask" in exchange(msgpack.unpackb(wire.encode(an_ask()))[0])["reason"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"num_samples": 0}, "num_samples is 1 to 4096"),
        ({"num_samples": 5000}, "num_samples is 1 to 4096"),
        ({"max_tokens": 0}, "max_tokens 1 to"),
        ({"max_tokens": 1 << 40}, "max_tokens 1 to"),
        ({"temperature": float("nan")}, "at least 0 and finite"),
        ({"temperature": -1.0}, "at least 0 and finite"),
        ({"temperature": 1e30}, "temperature is 0, or 0.01 to 100.0"),
        ({"temperature": 1e-300}, "temperature is 0, or 0.01 to 100.0"),
        ({"game": {"name": "2048", "settings": {"level": 5}}}, "level is a text"),
        ({"game": {"name": "2048", "settings": {"name": "shisen"}}}, "unknown setting"),
        ({"turns": []}, "at least one turn"),
        ({"state": b"short"}, "are no record"),
        ({"game": None}, "needs the game"),
        ({"game": {"name": "2084", "settings": {}}}, "did you mean"),
        (
            {"turns": [{"text": "", "frame": {"codec": "pixels", "height": 9, "width": 9, "data": b""}}]},
            "0 bytes are not",
        ),
    ],
)
def test_asks_that_can_never_be_answered(exchange: Exchange, change: dict[str, Any], reason: str) -> None:
    exchange(JOIN)
    ask = {**msgpack.unpackb(wire.encode(an_ask()))[0], "turns": [{"text": "Play."}], **change}
    refusal = exchange(ask)
    assert (refusal["type"], refusal["retry"]) == ("refusal", False)
    assert reason in refusal["reason"]


def test_client_sends_the_atlas_once_and_answers_repeat(address: str) -> None:
    atlas = make_game(GAME).atlas
    with NodeClient(address, name="one") as client:
        with pytest.raises(ValueError, match="is not here: send it"):
            client.ask(an_ask())
        first = client.ask(an_ask(num_samples=8), atlas=atlas)
        again = client.ask(an_ask(num_samples=8))
    assert first.samples == again.samples
    assert len({sample.text for sample in first.samples}) > 1


@pytest.mark.parametrize("player", sorted(PLAYERS))
def test_players_write_whole_answers(player: str) -> None:
    _, samples = asyncio.run(Scripted(player).generate(an_ask(num_samples=3), []))
    assert all(sample.text.count("</") == 3 and len(sample.logprobs) == len(sample.token_ids) for sample in samples)
    assert player in ("random", "legal") or len({sample.text for sample in samples}) == 1


def test_greedy_takes_the_move_that_pays() -> None:
    board = np.zeros((1, 4, 4), np.uint8)
    board[0, 0, :2] = 1  # two equal tiles side by side: right or left merges them, up and down do not
    record = make_game(GAME).from_board(board, [0])
    _, (sample,) = asyncio.run(Scripted("greedy").generate(an_ask(state=record.tobytes()), []))
    assert make_game(GAME).parse(sample.text.partition("<answer>")[2].partition("</answer>")[0]) == 1


def test_the_planner_strives_for_points_whatever_its_game_does() -> None:
    game, points = make_game(GAME), make_game(GameSpec("2048", {**GAME.settings, "strive": "points"}))
    records = start_states(game, range(40), 40)
    wanted = points.oracle(records).tolist()
    assert wanted != game.oracle(records).tolist()
    for played in (game, points):
        assert PLAYERS["planner"](played, records, [0] * 80).tolist() == np.repeat(wanted, 2).tolist()


def test_only_2048_has_a_planner() -> None:
    game = make_game(GameSpec("swap"))
    with pytest.raises(ValueError, match=r"'planner' needs a game with strive.* swap has none, only 2048 has"):
        PLAYERS["planner"](game, game.reset([0]), [0])


def test_weights_go_through_a_node(tmp_path: Path) -> None:
    address, atlas = f"ipc://{tmp_path}/node", make_game(GAME).atlas
    with NodeClient(address, timeout_s=20.0) as client:
        with processes.node(address, "oracle"):
            assert client.join().version == -1
            with pytest.raises(ConnectError, match="policy version 0 is wanted, this node has no weights confirmed"):
                client.ask(an_ask(version=0), timeout_s=5.0, atlas=atlas)
            with pytest.raises(WeightsError, match=r"'update' failed .* came without a start"):
                client.update_weights({"names": ["a"]})
            client.weight_call("confirm", version=4)
            assert client.ask(an_ask(version=4), atlas=atlas).version == 4
            client.init_weight_transfer_engine({"address": "here"})
            client.start_weight_update()
            with pytest.raises(ConnectError, match="gave no answer within"):
                client.ask(an_ask(), timeout_s=0.3, atlas=atlas)
            with pytest.raises(WeightsError, match="sent only in part"):
                client.weight_call("confirm", version=5)
            with pytest.raises(ConnectError, match="the last weight transfer failed"):
                client.ask(an_ask(), timeout_s=5.0, atlas=atlas)
            client.start_weight_update()
            client.update_weights([{"names": []}])
            with pytest.raises(WeightsError, match="set next_version"):
                client.finish_weight_update()
            client.next_version = 5
            client.finish_weight_update()
            assert client.ask(an_ask(version=5), atlas=atlas).version == 5
        with processes.node(address, "oracle"):
            assert client.ask(an_ask(), atlas=atlas).version == -1
            assert client.join().version == -1


def test_calls_to_nobody_end_with_their_deadline(tmp_path: Path) -> None:
    with NodeClient(f"ipc://{tmp_path}/nobody", timeout_s=0.2) as client:
        with pytest.raises(ConnectError, match="start one with: g1 serve"):
            client.join()
        with pytest.raises(WeightsError, match=r"weight call 'start', after 0\.2 s: no node answers"):
            client.start_weight_update()
        with pytest.raises(ConnectError, match=r"gave no answer within 0\.2 s: no node answers"):
            client.ask(an_ask())


def test_no_ask_runs_while_weights_change() -> None:
    async def scenario() -> list[str]:
        gate, seen, release = Gate(version=1), list[str](), asyncio.Event()

        async def ask(wanted: int) -> None:
            try:
                async with gate.ask(wanted) as version:
                    seen.append(f"runs under {version}")
                    await release.wait()
            except Refused:
                seen.append(f"{wanted} refused")

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ask(1))
            await asyncio.sleep(0)
            closing = tasks.create_task(gate.close())
            await asyncio.sleep(0)
            for wanted in (1, 2, -1):
                tasks.create_task(ask(wanted))
            await asyncio.sleep(0)
            assert not closing.done()
            release.set()
            await closing
            seen.append("closed")
            gate.open(2)
        return seen

    assert asyncio.run(scenario()) == ["runs under 1", "closed", "1 refused", "runs under 2", "runs under 2"]


def test_a_backend_that_breaks_ends_the_node(tmp_path: Path) -> None:
    class Broken(Scripted):
        stopped = False

        async def generate(self, ask: wire.Ask, images: list[Any]) -> tuple[bytes, list[wire.Sample]]:
            raise BackendError("out of memory")

        async def stop(self) -> None:
            self.stopped = True

    async def scenario(backend: Broken, address: str) -> None:
        async with asyncio.timeout(30.0):
            serving = asyncio.create_task(serve(backend, address, handle_signals=False))
            reason = r"the node on .* process \d+ ends: BackendError\('out of memory'\)"
            with NodeClient(address, timeout_s=1.0) as client, pytest.raises(ConnectError, match=reason):
                await asyncio.to_thread(client.ask, an_ask(), 2.0, make_game(GAME).atlas)
            await serving

    backend = Broken("oracle")
    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(scenario(backend, f"ipc://{tmp_path}/node"))
    assert raised.group_contains(BackendError, match="out of memory")
    assert backend.stopped


def test_an_ask_of_which_the_backend_breaks_is_refused_alone(tmp_path: Path) -> None:
    class Picky(Scripted):
        async def generate(self, ask: wire.Ask, images: list[Any]) -> tuple[bytes, list[wire.Sample]]:
            if ask.seed == 13:
                raise RuntimeError("not this one")
            return await super().generate(ask, images)

    async def scenario(address: str) -> wire.Answer:
        async with asyncio.timeout(30.0):
            serving = asyncio.create_task(serve(Picky("oracle"), address, handle_signals=False))
            with NodeClient(address, timeout_s=5.0) as client:
                bad = msgspec.structs.replace(an_ask(), seed=13)
                with pytest.raises(ValueError, match=r"refuses the ask: RuntimeError\('not this one'\)"):
                    await asyncio.to_thread(client.ask, bad, 5.0, make_game(GAME).atlas)
                answer = await asyncio.to_thread(client.ask, an_ask(), 5.0, make_game(GAME).atlas)
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        return answer

    assert asyncio.run(scenario(f"ipc://{tmp_path}/node")).samples


def test_an_answer_too_long_for_a_parcel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Chatty(Scripted):
        async def generate(self, ask: wire.Ask, images: list[Any]) -> tuple[bytes, list[wire.Sample]]:
            return b"", [wire.Sample.of("word " * ask.max_tokens, [1], [0.0])]

    async def scenario(address: str) -> wire.Answer:
        async with asyncio.timeout(30.0):
            serving = asyncio.create_task(serve(Chatty("oracle"), address, handle_signals=False))
            with NodeClient(address, timeout_s=5.0) as client:
                ask = wire.Ask(0, [wire.Turn("")], 1, 0, 1.0, 1000)
                with pytest.raises(ValueError, match=r"the Answer of 5\d+ bytes is too long to be sent"):
                    await asyncio.to_thread(client.ask, ask)
                answer = await asyncio.to_thread(client.ask, msgspec.structs.replace(ask, max_tokens=100))
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        return answer

    monkeypatch.setattr(wire, "MAX_PARCEL_BYTES", 4096)
    assert len(asyncio.run(scenario(f"ipc://{tmp_path}/node")).samples[0].text) == 500


def test_a_node_that_is_told_to_leave_does_not_wait_for_the_end_of_a_transfer(tmp_path: Path) -> None:
    address, atlas = f"ipc://{tmp_path}/node", make_game(GAME).atlas
    with (
        processes.node(address, "oracle") as node,
        NodeClient(address, name="one", timeout_s=30.0) as one,
        NodeClient(address, name="other", timeout_s=30.0) as other,
        ThreadPoolExecutor() as threads,
    ):
        one.start_weight_update()
        waiting = threads.submit(other.ask, an_ask(), 5.0, atlas)
        time.sleep(0.5)
        node.terminate()
        assert node.wait(30.0) == 0
        with pytest.raises(ConnectError):
            waiting.result()


def test_a_transfer_that_stops_half_way_is_given_up(tmp_path: Path) -> None:
    async def scenario(address: str) -> None:
        async with asyncio.timeout(60.0):
            serving = asyncio.create_task(
                serve(Scripted("oracle"), address, weights_timeout_s=1.0, handle_signals=False)
            )
            with NodeClient(address, timeout_s=20.0) as client:
                await asyncio.to_thread(client.start_weight_update)
                with pytest.raises(
                    ConnectError, match=r"the last weight transfer failed \(no further step came for 1 s"
                ):
                    await asyncio.to_thread(client.ask, an_ask(), 4.0, make_game(GAME).atlas)
                await asyncio.to_thread(client.start_weight_update)
                client.next_version = 2
                await asyncio.to_thread(client.finish_weight_update)
                assert (await asyncio.to_thread(client.ask, an_ask(), 20.0, make_game(GAME).atlas)).version == 2
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(scenario(f"ipc://{tmp_path}/node"))


def test_a_client_of_many_games_sends_an_atlas_again_that_was_dropped(address: str) -> None:
    sizes = [{"rows": rows, "cols": cols, "tile_px": px} for rows in (2, 3, 4) for cols in (2, 3, 4) for px in (28, 56)]
    games = [GameSpec("2048", {**size, "strip": False}) for size in sizes]
    assert len(games) > wire.ATLAS_SLOTS
    with NodeClient(address, timeout_s=30.0) as client:
        for spec in [*games, games[0]]:
            game = make_game(spec)
            record = start_states(game, [1], 0)
            ask = wire.Ask(0, [wire.Turn("", frame_of(game, record))], 1, 0, 1.0, 8, -1, spec, record.tobytes())
            assert client.ask(ask, atlas=game.atlas).samples


def test_who_floods_a_node_does_not_starve_others(address: str) -> None:
    stop = threading.Event()

    def flood() -> None:
        with connected(address) as foreign:
            foreign.say({**JOIN, "name": "flood"})
            beats = msgpack.packb([{"type": "beat"}] * 100)
            while not stop.is_set():
                foreign.send(beats)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        with NodeClient(address, timeout_s=30.0) as client:
            for _ in range(5):
                assert client.ask(an_ask(), atlas=make_game(GAME).atlas).samples
    finally:
        stop.set()
        thread.join()
