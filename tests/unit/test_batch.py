"""The batch format: a row with k answers equals k sequences, and patches and positions are Qwen2.5-VL's own."""

from pathlib import Path

import numpy as np
import pytest
import torch

from g1train.learn.batch import Row, collate, cut_patches, prompt_positions
from g1train.learn.policy import Policy, load_model
from tests.models import IMAGE, PROMPT, frame


def answers(count: int) -> list[list[int]]:
    generator = np.random.default_rng(count)
    return [generator.integers(10, 60, size=size).tolist() for size in generator.integers(2, 9, size=count)]


def row(seed: int, count: int) -> Row:
    return Row(PROMPT, [frame(seed)], answers(count), [1.0] * count)


@pytest.fixture(scope="module")
def policy(tiny_model: Path) -> Policy:
    return Policy(load_model(tiny_model, "float32"), logit_chunk=7).eval()


@torch.no_grad()
def test_answers_side_by_side_equal_separate_sequences(policy: Policy) -> None:
    rows = [row(1, 3), row(2, 2)]
    single = [Row(r.prompt_ids, r.frames, [answer], [1.0]) for r in rows for answer in r.answers]
    together = policy(collate(rows, IMAGE, 0))
    apart = [policy(collate([one], IMAGE, 0)) for one in single]
    for number in range(2):
        torch.testing.assert_close(together[number], torch.cat([pair[number] for pair in apart]), atol=2e-5, rtol=1e-4)


@torch.no_grad()
def test_log_probabilities_are_those_of_the_library(policy: Policy) -> None:
    one = row(3, 1)
    ids = torch.tensor([one.prompt_ids + one.answers[0]])
    patches, grid = cut_patches(one.frames)
    is_image = (ids == IMAGE).int()
    logits = policy.model(
        input_ids=ids, mm_token_type_ids=is_image, pixel_values=patches, image_grid_thw=grid
    ).logits.float()
    logits[..., policy.banned] = float("-inf")
    expected = logits[0, len(PROMPT) - 1 : -1].log_softmax(-1).gather(1, ids[0, len(PROMPT) :, None])[:, 0]
    torch.testing.assert_close(policy(collate([one], IMAGE, 0))[0], expected, atol=2e-5, rtol=1e-4)


def test_positions_are_those_of_the_library(policy: Policy) -> None:
    ids = torch.tensor([PROMPT + answers(1)[0]])
    found = collate([row(1, 1)], IMAGE, 0)
    expected, _ = policy.model.model.get_rope_index(ids, (ids == IMAGE).int(), image_grid_thw=found.grid_I3)
    torch.testing.assert_close(found.positions_3BL, expected)


def test_positions_of_several_frames(policy: Policy) -> None:
    ids = [50, *[IMAGE] * 6, 7, 8, *[IMAGE] * 4, 9]
    grid = torch.tensor([[1, 4, 6], [1, 4, 4]])
    tokens = torch.tensor([ids])
    expected, _ = policy.model.model.get_rope_index(tokens, (tokens == IMAGE).int(), image_grid_thw=grid)
    torch.testing.assert_close(prompt_positions(ids, [(2, 3), (2, 2)], IMAGE)[:, None], expected)


def test_patches_are_those_of_the_processor() -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    processor = Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=1280 * 28 * 28)
    frames = [frame(1), frame(2)[:56]]
    expected = processor(images=frames, return_tensors="pt")
    patches, grid = cut_patches(frames)
    torch.testing.assert_close(grid, expected["image_grid_thw"])
    torch.testing.assert_close(patches, expected["pixel_values"], atol=1e-5, rtol=1e-5)


def test_a_frame_that_does_not_fit_the_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="100x84"):
        cut_patches([np.zeros((84, 100, 3), np.uint8)])


def test_image_tokens_must_be_those_of_the_frames() -> None:
    with pytest.raises(ValueError, match="holds 16 image tokens but its frames need 8"):
        collate([Row(PROMPT, [frame(1)[:56]], [[11]], [1.0])], IMAGE, 0)


@torch.no_grad()
def test_vision_tokens_have_no_probability(policy: Policy) -> None:
    hidden = torch.randn(len(policy.banned), policy.model.config.text_config.hidden_size)
    logp, entropy = policy._score(hidden, torch.tensor(policy.banned), 1.0)
    assert IMAGE in policy.banned
    assert torch.isneginf(logp).all()
    assert torch.isfinite(entropy).all()
