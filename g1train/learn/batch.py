"""From rows to tensors: the one batch format of cold start and RL.

    Row (prompt, frames once, k answers) ──collate──▶ Batch ──▶ policy(batch) ──▶ log-probability of every answer token

A row is one sequence: the prompt once, then its answers one after another. A mask lets each answer see the prompt and
itself, and positions restart behind the prompt, so that the result equals k separate sequences while the prompt and its
frames are computed once. Suffixes name the shape: B rows, L positions of the longest row, T answer tokens of the
batch, S answers of the batch, P patches.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec
import numpy as np
import torch

PATCH = 14
MERGE = 2
TEMPORAL = 2
CELL = PATCH * MERGE  # pixels of one image token's side
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


class Row(msgspec.Struct):
    """One prompt and its answers.

    prompt_ids int[prompt], with image tokens as expanded; frames uint8[H, W, 3] each; answers k lists of token ids;
    weights k floats: what each answer counts (1 for a demonstration, its advantage in RL); logprobs: under the policy
    that sampled them, same shape as answers, empty for demonstrations.
    """

    prompt_ids: list[int]
    frames: list[np.ndarray]
    answers: list[list[int]]
    weights: list[float]
    logprobs: list[list[float]] = []


@dataclass(frozen=True)
class Batch:
    """Tensors of some rows; see the file's head for the letters."""

    ids_BL: torch.Tensor
    positions_3BL: torch.Tensor
    mask_B1LL: torch.Tensor  # bool, True where attention is allowed
    is_image_BL: torch.Tensor  # int, 1 on image tokens
    patches_PD: torch.Tensor
    grid_I3: torch.Tensor  # (time, height, width) in patches of each frame
    row_T: torch.Tensor  # where the hidden state that predicts each answer token is
    position_T: torch.Tensor
    target_T: torch.Tensor
    answer_T: torch.Tensor  # which answer of the batch each token belongs to
    sampled_logprob_T: torch.Tensor
    weight_S: torch.Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        return Batch(**{name: tensor.to(device, non_blocking=True) for name, tensor in vars(self).items()})


def cut_patches(frames: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """uint8[H, W, 3] frames as float32[P, 1176] patches and int64[I, 3] grid, as Qwen2.5-VL's processor makes them.

    Sides must be multiples of 28, which every frame of ours is: nothing is resized, so that trainer and node cannot
    disagree about pixels (trl#6401). Raises `ValueError` otherwise.
    """
    patches, grids = [], []
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    for frame in frames:
        height, width, _ = frame.shape
        if height % CELL or width % CELL:
            raise ValueError(f"a frame of {width}x{height} pixels does not divide into cells of {CELL}: set tile_px")
        rows, columns = height // PATCH, width // PATCH
        pixels = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].float()
        pixels = ((pixels / 255 - mean) / std).expand(TEMPORAL, -1, -1, -1)
        blocks = pixels.reshape(TEMPORAL, 3, rows // MERGE, MERGE, PATCH, columns // MERGE, MERGE, PATCH)
        # (row block, column block, row in block, column in block | channel, time, y, x)
        patches.append(blocks.permute(2, 5, 3, 6, 1, 0, 4, 7).reshape(rows * columns, -1))
        grids.append([1, rows, columns])
    if not patches:
        return torch.zeros(0, 3 * TEMPORAL * PATCH * PATCH), torch.zeros(0, 3, dtype=torch.long)
    return torch.cat(patches), torch.tensor(grids)


def prompt_positions(prompt_ids: Sequence[int], grids: Sequence[tuple[int, int]], image_token: int) -> torch.Tensor:
    """int64[3, prompt] multimodal positions (time, height, width), after Qwen2.5-VL.

    Text counts on in all three; a frame's tokens keep the time and spread over height and width; text behind it goes on
    after the frame's longer side. `grids` are (rows, columns) in image tokens.
    """
    parts: list[torch.Tensor] = []
    start, index, images = 0, 0, iter(grids)
    ids = list(prompt_ids)
    while index < len(ids):
        if ids[index] == image_token:
            rows, columns = next(images)
            places = torch.cartesian_prod(torch.tensor([0]), torch.arange(rows), torch.arange(columns)).T
            parts.append(places + start)
            start, index = start + max(rows, columns), index + rows * columns
        else:
            parts.append(torch.full((3, 1), start))
            start, index = start + 1, index + 1
    return torch.cat(parts, dim=1)


_cached_positions: Callable[..., torch.Tensor] = lru_cache(maxsize=64)(prompt_positions)


def collate(rows: Sequence[Row], image_token: int, pad_token: int) -> Batch:
    """Build a batch. Raises `ValueError` if a prompt's image tokens are not those of its frames."""
    patches, grid = cut_patches([frame for row in rows for frame in row.frames])
    lengths = [len(row.prompt_ids) + sum(map(len, row.answers)) for row in rows]
    shape = (len(rows), max(lengths))
    ids = torch.full(shape, pad_token)
    positions = torch.zeros(3, *shape, dtype=torch.long)
    # A padded position sees itself alone, because a row without any True is not a number after softmax.
    mask = torch.eye(shape[1], dtype=torch.bool).repeat(shape[0], 1, 1, 1)
    where: list[tuple[int, int, int, int]] = []
    num_answers = 0
    for b, row in enumerate(rows):
        prompt = len(row.prompt_ids)
        behind = _place_prompt(row, b, ids, positions, mask, image_token)
        offset = prompt
        for answer in row.answers:
            end = offset + len(answer)
            ids[b, offset:end] = torch.tensor(answer)
            positions[:, b, offset:end] = torch.arange(behind, behind + len(answer))
            mask[b, 0, offset:end, :prompt] = True
            mask[b, 0, offset:end, offset:end] = torch.ones(len(answer), len(answer), dtype=torch.bool).tril()
            # The prompt's last token predicts an answer's first one, whichever answer it is.
            sources = [prompt - 1, *range(offset, end - 1)]
            where += [(b, source, token, num_answers) for source, token in zip(sources, answer, strict=True)]
            offset, num_answers = end, num_answers + 1
    row_T, position_T, target_T, answer_T = torch.tensor(where).T if where else torch.zeros(4, 0, dtype=torch.long)
    sampled = [value for row in rows for answer in row.logprobs for value in answer] or [0.0] * len(where)
    return Batch(
        ids_BL=ids,
        positions_3BL=positions,
        mask_B1LL=mask,
        is_image_BL=(ids == image_token).int(),
        patches_PD=patches,
        grid_I3=grid,
        row_T=row_T,
        position_T=position_T,
        target_T=target_T,
        answer_T=answer_T,
        sampled_logprob_T=torch.tensor(sampled),
        weight_S=torch.tensor([weight for row in rows for weight in row.weights]),
    )


def _place_prompt(
    row: Row, b: int, ids: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor, image_token: int
) -> int:
    """Write the prompt of row `b`; returns the position at which its answers begin."""
    prompt = len(row.prompt_ids)
    grids = tuple((frame.shape[0] // CELL, frame.shape[1] // CELL) for frame in row.frames)
    expected, found = sum(h * w for h, w in grids), row.prompt_ids.count(image_token)
    if expected != found:
        raise ValueError(
            f"a prompt holds {found} image tokens but its frames need {expected}: the node's differ from ours"
        )
    ids[b, :prompt] = torch.tensor(row.prompt_ids)
    place = _cached_positions(tuple(row.prompt_ids), grids, image_token)
    positions[:, b, :prompt] = place
    mask[b, 0, :prompt, :prompt] = torch.ones(prompt, prompt, dtype=torch.bool).tril()
    return int(place.max()) + 1
