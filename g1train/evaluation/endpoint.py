"""A player behind any OpenAI-compatible endpoint: frames go as PNG images, answers are journaled as they come.

    ticket ─▶ look ─▶ ask ─┬─ journal has it ────────────────────────────────────────┬─▶ settle ─▶ next state … turns
                           └─ request (limits, retries, Idempotency-Key) ─▶ journal ─┘

One request is one answer. Whatever goes wrong with one (refused, timed out, failed after all retries) is an answer that
cannot be read, with the reason in the episode's notes; only an endpoint that cannot be talked to at all, or that does
not know the key or the model, is an error, and that is found out before anything is asked.
"""

import asyncio
import base64
import io
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from engine.errors import ConfigError, ConnectError
from engine.game import Game
from engine.net import wire
from engine.rollout import episode
from engine.ticket import Ticket
from g1train.evaluation.journal import Journal, Reply, key_of
from g1train.evaluation.plan import PlannedPlayer
from g1train.evaluation.players import Keep
from g1train.run.rollouts import turns_of
from native.state import Records

if TYPE_CHECKING:
    from openai import AsyncOpenAI

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0


class Limits(msgspec.Struct, frozen=True):
    """How an endpoint is treated; none of it changes what is asked."""

    concurrency: int = 8
    requests_per_minute: float = 0.0  # 0: as fast as it goes
    timeout_s: float = 120.0
    retries: int = 5
    key_variable: str = "OPENAI_API_KEY"


class Endpoint:
    """`model` at `url`, which ends in /v1 as a rule."""

    def __init__(self, model: str, url: str, limits: Limits) -> None:
        self.model, self.url, self.limits = model, url, limits

    def play(self, player: PlannedPlayer, tickets: Sequence[Ticket], keep: Keep, journal: Journal) -> None:
        """Raises `ConnectError` if nobody is there, or the key or model is not known."""
        try:
            asyncio.run(self._play(player, tickets, keep, journal))
        except ExceptionGroup as errors:  # of several episodes for one reason
            raise errors.exceptions[0] from errors

    async def _play(self, player: PlannedPlayer, tickets: Sequence[Ticket], keep: Keep, journal: Journal) -> None:
        async with self._client() as client:
            await self._check(client)
            desk = _Desk(client, self, player, journal)
            async with asyncio.TaskGroup() as group:
                places = asyncio.Semaphore(self.limits.concurrency)
                for ticket in tickets:
                    await places.acquire()
                    task = group.create_task(_episode(desk, ticket, keep))
                    task.add_done_callback(lambda _: places.release())

    def _client(self) -> "AsyncOpenAI":
        try:
            from openai import AsyncOpenAI
        except ImportError:
            raise ConfigError("an OpenAI-compatible player needs: pip install 'g1-vlm[eval]'") from None
        key = os.environ.get(self.limits.key_variable) or "none"
        return AsyncOpenAI(base_url=self.url, api_key=key, timeout=self.limits.timeout_s, max_retries=0)

    async def _check(self, client: "AsyncOpenAI") -> None:
        """Is somebody there who takes the key? Some endpoints list no models: that is no error."""
        import openai

        try:
            known = [model.id async for model in client.models.list()]
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            remedy = f"set {self.limits.key_variable}, or name another variable with --key-variable"
            raise ConnectError(f"{self.url} does not take the key: {error.message}; {remedy}") from error
        except openai.APIStatusError:
            return
        except openai.APIError as error:
            raise ConnectError(f"nobody answers at {self.url}: {error.message}") from error
        if known and self.model not in known:
            raise ConnectError(f"{self.url} has no model {self.model!r}; it has {', '.join(sorted(known)[:10])}")


async def _episode(desk: "_Desk", ticket: Ticket, keep: Keep) -> None:
    """One ticket from its start to its end."""
    play = episode.open_play(ticket)
    (chain,) = play.chains
    notes: dict[str, Any] = {"usage": [], "errors": [], "refusals": []}
    while not chain.ended:
        (ask,) = episode.look([chain])
        asked = (desk.answer(play.name, chain, sample) for sample in range(ask.num_samples))
        replies = await asyncio.gather(*asked)
        for sample, reply in enumerate(replies):
            _note(notes, chain.turn, sample, reply)
        episode.settle([chain], [wire.Answer(0, b"", [_sample(reply) for reply in replies], -1)])
    group = play.group("")
    assert group is not None
    keep(ticket, turns_of(group), notes)


def _note(notes: dict[str, Any], turn: int, sample: int, reply: Reply) -> None:
    notes["usage"].append([reply.prompt_tokens, reply.completion_tokens])
    if reply.error:
        notes["errors"].append([turn, sample, reply.error])
    if reply.refusal:
        notes["refusals"].append([turn, sample, reply.refusal])


def _sample(reply: Reply) -> wire.Sample:
    blank = bytes(4 * min(reply.completion_tokens, wire.MAX_TOKENS))
    return wire.Sample(reply.text, blank, blank, "length" if reply.finish == "length" else "stop")


class _Desk:
    """Where one player's requests go out: so many at a time, so many a minute, each answer into the journal."""

    def __init__(self, client: "AsyncOpenAI", endpoint: Endpoint, player: PlannedPlayer, journal: Journal) -> None:
        self._client, self._endpoint, self._player, self._journal = client, endpoint, player, journal
        self._made = f"{player.made} {player.temperature} {player.max_tokens} {sorted(player.options.items())}"
        self._places = asyncio.Semaphore(endpoint.limits.concurrency)
        self._next = 0.0  # when the next request may leave

    async def answer(self, ticket: str, chain: episode.Chain, sample: int) -> Reply:
        """From the journal, or asked for now."""
        key = key_of(self._made, ticket, chain.turn, sample)
        if (known := self._journal.get(key)) is not None:
            return known
        async with self._places:
            reply = await self._asked(key, chain.game, chain.record)
        self._journal.add(reply)
        return reply

    async def _asked(self, key: str, game: Game, record: Records) -> Reply:
        """Asked until there is an answer, or no retry is left: then the reply says why."""
        import openai

        body = self._body(game, record)
        for attempt in range(self._endpoint.limits.retries + 1):
            await self._turn()
            try:
                found = await self._client.chat.completions.create(**body, extra_headers={"Idempotency-Key": key})
                return _reply(key, found)
            except openai.APIError as error:
                reason, pause_s = _reason(error), _pause_s(error, attempt)
                if pause_s is None:
                    break
            if attempt < self._endpoint.limits.retries:
                await asyncio.sleep(pause_s)
        return Reply(key, error=reason)

    def _body(self, game: Game, record: Records) -> dict[str, Any]:
        url = "data:image/png;base64," + base64.b64encode(png(game.render(record)[0])).decode()
        content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": game.prompt}]
        return {
            "model": self._endpoint.model,
            "messages": [{"role": "user", "content": content}],
            "temperature": self._player.sampling.temperature,
            "max_completion_tokens": self._player.max_tokens,
            "extra_body": self._player.options or None,
        }

    async def _turn(self) -> None:
        """Wait until the rate allows one more request."""
        if self._endpoint.limits.requests_per_minute:
            now = time.monotonic()
            self._next = max(self._next, now) + 60.0 / self._endpoint.limits.requests_per_minute
            await asyncio.sleep(self._next - 60.0 / self._endpoint.limits.requests_per_minute - now)


def _reply(key: str, found: Any) -> Reply:
    """What a completion says; one without a choice, or whose content was filtered, has no text."""
    usage = found.usage
    prompt, completion = (usage.prompt_tokens, usage.completion_tokens) if usage is not None else (0, 0)
    if not found.choices:
        return Reply(key, "", prompt, completion, error="the endpoint gave no choice")
    choice = found.choices[0]
    refusal = choice.message.refusal or ("content filter" if choice.finish_reason == "content_filter" else "")
    text, finish = choice.message.content or "", choice.finish_reason or "stop"
    return Reply(key, text, prompt, completion, finish, refusal)


def _reason(error: Any) -> str:
    return f"{type(error).__name__}: {wire.clip(str(error.message))[:500]}"


def _pause_s(error: Any, attempt: int) -> float | None:
    """How long to wait before asking again; None where it would be refused again."""
    import openai

    if isinstance(error, openai.APIStatusError):
        if error.status_code not in (408, 409, 425, 429) and error.status_code < 500:
            return None
        wish = error.response.headers.get("retry-after", "")
        if wish.replace(".", "", 1).isdigit():
            return min(float(wish), LONGEST_PAUSE_S)
    return min(FIRST_PAUSE_S * 2.0**attempt, LONGEST_PAUSE_S)


def png(pixels: np.ndarray) -> bytes:
    """A frame, uint8[H, W, 3], as a PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()
