"""A real vLLM node: its prompt and numbers are the trainer's, and new weights arrive, with tied embeddings and without.

Every name of vLLM that the project uses is used here.
"""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file

import engine
from engine.errors import WeightsError
from engine.net import codec, wire
from engine.rollout.episode import frame_of
from g1train.config import OptimConfig, TrainerConfig
from g1train.inference.client import NodeClient
from g1train.inference.prompt import prompt_token_ids
from g1train.inference.weights import mismatch, probe, send_weights
from g1train.learn.learner import Learner
from g1train.learn.policy import load_tokenizer
from g1train.learn.tokens import banned_token_ids
from tests import processes

GAME = engine.make("2048", tile_px=28, strip=False, prompt="short")
RECORD = engine.start_states(GAME, [5], 100)
IMAGE = GAME.render(RECORD)[0]
TURN = wire.Turn(GAME.prompt, frame_of(GAME, RECORD))
PIXELS = wire.Turn(GAME.prompt, codec.encode(IMAGE, "lz4"))


@pytest.fixture(scope="module", params=[True, False], ids=["tied", "untied"])
def model(request: pytest.FixtureRequest, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, with its output head tied to the embedding (as the 3B) or with one of its own (as the 7B)."""
    if request.param:
        return tiny_model
    folder = tmp_path_factory.mktemp("untied") / "model"
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "config.json").read_text())
    config["tie_word_embeddings"] = config["text_config"]["tie_word_embeddings"] = False
    (folder / "config.json").write_text(json.dumps(config))
    tensors = load_file(folder / "model.safetensors")
    embedding = next(tensor for name, tensor in tensors.items() if name.endswith("embed_tokens.weight"))
    tensors["lm_head.weight"] = embedding.flip(0).contiguous()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def node(model: Path) -> Iterator[tuple[processes.Process, str]]:
    """The process and its address."""
    arguments = ("serve", "configs/nano/2048.toml", "--model", str(model), "--bind", "tcp://127.0.0.1:0")
    sets = ("--set", "node.backend='vllm'", "--parent", str(os.getpid()))
    with processes.started("g1train.cli", *arguments, *sets) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith("node ready at "))
        yield process, line.split()[3]


@pytest.fixture(scope="module")
def client(node: tuple[processes.Process, str]) -> Iterator[NodeClient]:
    with NodeClient(node[1], name="test", timeout_s=120) as found:
        yield found


@pytest.fixture(scope="module")
def learner(model: Path) -> Learner:
    made = Learner(model, "float32", TrainerConfig(num_threads=1), seed=0)
    made.begin_stage(OptimConfig(lr=1e-2), 10, with_reference=False)
    return made


def ask(client: NodeClient, **changes: object) -> wire.Answer:
    fields = {"num_samples": 1, "seed": 1, "temperature": 1.0, "max_tokens": 12, "version": -1, **changes}
    return client.ask(wire.Ask(0, [TURN], **fields), atlas=GAME.atlas)  # type: ignore[arg-type]


def test_the_node_refuses_until_it_has_weights(client: NodeClient, learner: Learner) -> None:
    assert client.join().version == -1
    send_weights(learner, client, 1)
    assert client.join().version == 1


def test_the_prompt_is_the_one_that_the_trainer_would_make(client: NodeClient, learner: Learner, model: Path) -> None:
    ours = prompt_token_ids(load_tokenizer(model), [TURN], [IMAGE], learner.policy.model.config.image_token_id)
    assert ask(client).prompt_token_ids == ours


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_log_probabilities_are_the_trainers(client: NodeClient, learner: Learner, temperature: float) -> None:
    assert mismatch(learner, ask(client, temperature=temperature), IMAGE) < 1e-5


def test_new_weights_arrive_even_for_a_frame_seen_before(client: NodeClient, learner: Learner) -> None:
    before = ask(client, temperature=0.0)
    with torch.no_grad():
        for parameter in learner.policy.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    assert mismatch(learner, before, IMAGE) > 0.01
    with pytest.raises(WeightsError, match="does not run the weights"):
        probe(learner, client, PIXELS, IMAGE, 1)
    send_weights(learner, client, 2)
    assert probe(learner, client, PIXELS, IMAGE, 2) < 1e-5


def test_a_group_has_as_many_different_answers(client: NodeClient) -> None:
    samples = ask(client, num_samples=8).samples
    assert len({tuple(sample.token_ids) for sample in samples}) > 1
    assert all(len(sample.token_ids) == len(sample.logprobs) for sample in samples)
    greedy = ask(client, num_samples=3, temperature=0.0).samples
    assert greedy[0] == greedy[1] == greedy[2]


def test_vision_tokens_are_never_sampled(client: NodeClient, learner: Learner) -> None:
    banned = banned_token_ids(learner.policy.model.config)
    embedding = learner.policy.model.get_output_embeddings().weight
    kept = embedding.detach().clone()
    with torch.no_grad():
        embedding[banned] = kept.abs().max() * 30 * torch.sign(torch.randn(kept.shape[1]))
    send_weights(learner, client, 3)
    tokens = np.concatenate([sample.token_ids for sample in ask(client, num_samples=64, version=3).samples])
    assert not set(tokens.tolist()) & set(banned)
    with torch.no_grad():
        embedding.copy_(kept)


def test_a_failed_transfer_is_told_and_can_be_mended(client: NodeClient, learner: Learner) -> None:
    client.start_weight_update()
    with pytest.raises(WeightsError, match="nowhere"):
        client.update_weights({"path": "/dev/shm/nowhere.safetensors"})
    send_weights(learner, client, 4)
    assert ask(client, version=4).version == 4


def test_a_trainer_that_is_killed_half_way_leaves_a_node_that_takes_weights(
    node: tuple[processes.Process, str], client: NodeClient, learner: Learner, model: Path, tmp_path: Path
) -> None:
    tensors = load_file(model / "model.safetensors")
    part = {name: torch.full_like(tensor, torch.nan) for name, tensor in tensors.items() if ".q_proj." in name}
    save_file(part, tmp_path / "part.safetensors")  # of each layer's fused matrix only one third
    for file in ("", str(tmp_path / "part.safetensors")):
        with processes.started("tests.half_transfer", node[1], file) as trainer:
            assert trainer.stdout is not None
            assert trainer.stdout.readline() == "half way\n"
            trainer.kill()
            trainer.wait()
    send_weights(learner, client, 5)
    assert probe(learner, client, PIXELS, IMAGE, 5) < 1e-5
    assert mismatch(learner, ask(client, temperature=1.0, version=5), IMAGE) < 1e-5


@pytest.mark.parametrize(
    ("turns", "changes", "reason"),
    [
        ([wire.Turn("tile " * 300, None)], {}, "max.*length"),
        ([wire.Turn("tile " * 300, TURN.frame)], {}, "max.*length"),
        ([TURN, wire.Turn("Right.", None), TURN], {}, "image"),
        ([wire.Turn("Play.", wire.Frame("pixels", 1, 1, bytes(3)))], {}, "multiples of 28"),
        ([wire.Turn("Play.", wire.Frame("pixels", 28, 28, bytes(28 * 28 * 3)))], {}, None),
        ([wire.Turn("Play.", wire.Frame("pixels", 28, 28 * 250, bytes(28 * 28 * 250 * 3)))], {}, "aspect ratio"),
        ([TURN], {"temperature": 1e30}, "temperature is 0, or"),
        ([TURN], {"temperature": 1e-300}, "temperature is 0, or"),
        ([TURN], {"seed": 1 << 62}, None),
        ([TURN], {"seed": -1 << 62}, None),
    ],
)
def test_one_bad_ask_is_refused_and_ends_nobody(
    client: NodeClient, turns: list[wire.Turn], changes: dict[str, float], reason: str | None
) -> None:
    fields = {"num_samples": 1, "seed": 1, "temperature": 1.0, "max_tokens": 4, **changes}
    bad = wire.Ask(0, turns, **fields)  # type: ignore[arg-type]
    if reason is None:
        assert client.ask(bad, atlas=GAME.atlas).samples
    else:
        with pytest.raises(ValueError, match=f"refuses the ask: .*{reason}"):
            client.ask(bad, atlas=GAME.atlas)
    assert ask(client).samples


def test_nothing_is_left_in_shared_memory() -> None:
    assert not list(Path("/dev/shm").glob(f"g1-weights-{os.getpid()}-*"))


def test_whatever_ends_the_node_ends_vllm_too(node: tuple[processes.Process, str], model: Path) -> None:
    process = node[0]
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 2  # EngineCore and its worker
    if "untied" in str(model):
        processes.kill(process.pid)
        assert process.wait(60) == -signal.SIGKILL
    else:
        process.terminate()
        assert process.wait(60) == 0
    processes.eventually(lambda: not any(processes.alive(one.pid) for one in family))
