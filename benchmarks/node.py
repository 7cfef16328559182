"""The node with a pool against vLLM's own offline `LLM.generate`: same model, prompts, frames, seeds, n, token budget.

    g1 bench node [--save] [--groups 256] [--samples 4] [--tokens 64]

Both engines are loaded, with the same options and threads, and measured in turn; the one that waits sleeps. The model
is the nano one (1.1 million parameters, random weights), which makes everything around it weigh most. Also: the share
of the time in which the node's queue was empty, and the time from ask to answer.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common import Row, log_of, report

from engine.ticket import GameSpec, Sampling, Ticket

NUM_RUNS = 3
GAME = GameSpec("2048", {"tile_px": 28, "strip": False, "prompt": "short"})
Figures = dict[str, float]


def tickets_of(run: int, chosen: argparse.Namespace) -> list[Ticket]:
    from g1train.tickets.rollout import OneGame, group_tickets

    sampling = Sampling(1.0, chosen.tokens)
    return group_tickets(1, "bench", run, chosen.groups, [OneGame(GAME, 100)], chosen.samples, sampling=sampling)


def options() -> Any:
    from g1train.inference.vllm_backend import VllmOptions

    return VllmOptions(dtype="float32", max_model_len=256)


def offline(model: str, chosen: argparse.Namespace) -> None:
    """A process of its own: for each line on standard input, one run, and its figures as JSON."""
    from g1train.inference.vllm_backend import VllmBackend, _set_environment

    _set_environment(options())
    from vllm import LLM, SamplingParams

    from engine.rollout.episode import look, open_plays
    from engine.start import make_game
    from g1train.inference.prompt import chat_text

    llm = LLM(**VllmBackend(model, options()).engine_options())
    tokenizer, game = llm.get_tokenizer(), make_game(GAME)
    print("ready", flush=True)
    for line in sys.stdin:
        tickets = tickets_of(int(line), chosen)
        chains = [play.chains[0] for play in open_plays(tickets, [""] * len(tickets))]
        asks = look(chains)
        prompts = [
            {"prompt": chat_text(tokenizer, ask.turns), "multi_modal_data": {"image": [game.render(chain.record)[0]]}}
            for ask, chain in zip(asks, chains, strict=True)
        ]
        params = [
            SamplingParams(
                n=ask.num_samples, max_tokens=ask.max_tokens, seed=ask.seed, logprobs=0,
                stop_token_ids=[tokenizer.eos_token_id],
            )
            for ask in asks
        ]  # fmt: skip
        began = time.perf_counter()
        outputs = llm.generate(prompts, params, use_tqdm=False)
        seconds = time.perf_counter() - began
        num_tokens = sum(len(answer.token_ids) for output in outputs for answer in output.outputs)
        print(json.dumps({"seconds": seconds, "tokens": num_tokens}), flush=True)


def serve(model: str, address: str) -> None:
    """The node, in a process of its own."""
    import asyncio

    from engine.net import process
    from g1train.inference import node
    from g1train.inference.vllm_backend import VllmBackend

    process.log_to_stderr()
    asyncio.run(node.serve(VllmBackend(model, options()), address))


@contextlib.contextmanager
def child(ready: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    from g1train.run.services import quiet_threads

    command = [sys.executable, str(Path(__file__).resolve()), *sys.argv[1:], *arguments]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=quiet_threads(), **pipes) as process:
        assert process.stdout is not None
        try:
            while not process.stdout.readline().startswith(ready):
                if process.poll() is not None:
                    raise SystemExit(f"{command} ended with status {process.returncode}")
            yield process
        finally:
            process.terminate()
            process.communicate()


def ask_offline(process: subprocess.Popen[str], run: int) -> Figures:
    assert process.stdin is not None
    assert process.stdout is not None
    print(run, file=process.stdin, flush=True)
    while not (line := process.stdout.readline()).startswith("{"):
        if not line:
            raise SystemExit("the offline engine ended")
    found: Figures = json.loads(line)
    return found


def measure(chosen: argparse.Namespace, model: str, folder: str) -> list[Row]:
    from g1train.run.status import Monitor
    from g1train.tickets.dispatch import Dispatcher
    from tests import processes

    node_address = f"ipc://{folder}/node"
    found: dict[str, list[Figures]] = {"LLM.generate": [], "node and pool": []}
    with (
        child("ready", "--offline", model) as alone,
        child("node ready", "--serve", model, node_address),
        Dispatcher(f"ipc://{folder}/trainer") as dispatcher,
        processes.pool(dispatcher.address, node_address, chosen.workers, chosen.capacity),
        Monitor(dispatcher.address, node_address) as monitor,
    ):
        for run in range(NUM_RUNS + 1):  # the first is the warm-up
            found["LLM.generate"].append(ask_offline(alone, run))
            before = monitor.look()["node"]
            began = time.perf_counter()
            groups = dispatcher.play(tickets_of(run, chosen))
            seconds = time.perf_counter() - began
            after = monitor.look()["node"]
            assert before is not None
            assert after is not None
            num_tokens = sum(sample.num_tokens for group in groups for sample in group.rounds[0].samples)
            empty_s = after.gauges["queue_empty_s"] - before.gauges["queue_empty_s"]
            figures = {"seconds": seconds, "tokens": num_tokens, "queue empty": empty_s / (after.up_s - before.up_s)}
            latency = {name: 1e3 * after.gauges[f"latency_{name}_s"] for name in ("p50", "p99")}
            found["node and pool"].append({**figures, **latency})
    return [row_of(name, runs[1:]) for name, runs in found.items()]


def row_of(name: str, runs: list[Figures]) -> Row:
    def median(key: str) -> float | None:
        return statistics.median(run[key] for run in runs) if key in runs[0] else None

    rate = statistics.median(run["tokens"] / run["seconds"] for run in runs)
    return {
        "what": name, "tokens/s": rate, "tokens": median("tokens"), "s": median("seconds"),
        "queue empty": median("queue empty"), "p50 ms": median("p50"), "p99 ms": median("p99"),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--groups", type=int, default=256)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--capacity", type=int, default=128, help="tickets in flight a worker")
    parser.add_argument("--offline", help=argparse.SUPPRESS)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.offline:
        offline(chosen.offline, chosen)
    elif chosen.serve:
        serve(*chosen.serve)
    else:
        from g1train import config
        from g1train.learn import nano
        from g1train.stages import train

        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        with log_of("node"), tempfile.TemporaryDirectory(prefix="g1-bench-") as folder:
            model = f"{folder}/model"
            texts = train.vocabulary(config.load(Path(__file__).parents[1] / "configs/nano/2048.toml"))
            nano.build(model, texts=texts)
            rows = measure(chosen, model, folder)
        for row in rows:
            row["ratio"] = row["tokens/s"] / rows[0]["tokens/s"]
            row["picture"] = "#" * round(30 * row["ratio"])
        title = f"Node: tokens a second, {chosen.groups} prompts, n = {chosen.samples}, {chosen.tokens} tokens"
        report("node", title, rows, NUM_RUNS)


if __name__ == "__main__":
    main()
