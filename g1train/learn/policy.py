"""The policy as the trainer sees it: a Qwen2.5-VL that turns a batch into the log-probability of every answer token."""

from pathlib import Path
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from engine.errors import CheckpointError
from g1train.config import check_model
from g1train.learn.batch import Batch
from g1train.learn.tokens import banned_token_ids

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Policy(torch.nn.Module):
    """Wraps `model` (transformers). `forward` is all that the learner calls, so DeepSpeed's hooks see every use."""

    model: Any

    def __init__(self, model: Any, logit_chunk: int) -> None:
        super().__init__()
        self.model = model
        self.logit_chunk = logit_chunk
        self.banned = banned_token_ids(model.config)

    def forward(self, batch: Batch, temperature: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
        """float32[T] log-probabilities of the targets and float32[T] entropies (without gradient), banned tokens left
        out.

        The output head runs over answer positions only and `logit_chunk` at a time, each chunk recomputed in the
        backward pass: full logits of a batch would be its largest tensor by far (trl#3678).
        """
        hidden_TH = self._hidden(batch)[batch.row_T, batch.position_T]
        logps, entropies = [], []
        for hidden, target in zip(
            torch.split(hidden_TH, self.logit_chunk), torch.split(batch.target_T, self.logit_chunk), strict=True
        ):
            if hidden_TH.shape[0] > self.logit_chunk and hidden.requires_grad:
                logp, entropy = checkpoint(self._score, hidden, target, temperature, use_reentrant=False)
            else:
                logp, entropy = self._score(hidden, target, temperature)
            logps.append(logp)
            entropies.append(entropy)
        return torch.cat(logps), torch.cat(entropies)

    def _hidden(self, batch: Batch) -> torch.Tensor:
        output = self.model.model(
            input_ids=batch.ids_BL,
            position_ids=batch.positions_3BL,
            # As a mapping the mask is taken as it is, instead of being read as one of padding.
            attention_mask={"full_attention": batch.mask_B1LL},
            mm_token_type_ids=batch.is_image_BL,
            pixel_values=batch.patches_PD if len(batch.grid_I3) else None,
            image_grid_thw=batch.grid_I3 if len(batch.grid_I3) else None,
            use_cache=False,
        )
        return torch.as_tensor(output.last_hidden_state)

    def _score(
        self, hidden_TH: torch.Tensor, target_T: torch.Tensor, temperature: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        logits_TV = self.model.lm_head(hidden_TH).float() / temperature
        logits_TV = logits_TV.index_fill(1, torch.tensor(self.banned, device=logits_TV.device), float("-inf"))
        logp_TV = logits_TV.log_softmax(-1)
        with torch.no_grad():
            entropy_T = -(logp_TV.exp() * logp_TV.masked_fill(logp_TV.isinf(), 0.0)).sum(-1)
        return logp_TV.gather(1, target_T[:, None])[:, 0], entropy_T


def load_model(folder: str | Path, dtype: str) -> Any:
    """A Qwen2.5-VL from a Hugging Face folder. Raises `CheckpointError` for a missing folder or missing weights."""
    from transformers import Qwen2_5_VLForConditionalGeneration
    from transformers.utils import logging

    logging.disable_progress_bar()  # of shards: we have a display of our own

    path = check_model(folder)
    try:
        model, info = Qwen2_5_VLForConditionalGeneration.from_pretrained(
            path, dtype=DTYPES[dtype], attn_implementation="sdpa", output_loading_info=True, local_files_only=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"the model at {path} cannot be loaded: {error}") from error
    if info["missing_keys"]:
        names = ", ".join(sorted(info["missing_keys"])[:3])
        raise CheckpointError(f"the model at {path} lacks weights ({names}...); download or export it again")
    return model


def load_tokenizer(folder: str | Path) -> Any:
    """The folder's tokenizer. Raises `CheckpointError`."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"the tokenizer at {folder} cannot be loaded: {error}") from error
