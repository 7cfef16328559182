"""A Qwen2.5-VL of a million parameters with a tokenizer made for our texts, saved as an ordinary Hugging Face folder.

    texts ──▶ tokenizer ──▶ config ──▶ random weights ──▶ folder ──▶ base stage, cold start, RL; vLLM or transformers

It is the real architecture, processor and chat format at a size that learns to read a small board in minutes on a CPU,
so every path of the system runs with it as with the 7B. Run: `build("runs/nano/start", texts=texts, seed=0)`.

Two choices make pixels learnable at this size (in a first trial either alone read half the cells): weights scaled by
fan-in instead of a flat 0.02 (`init_weights`), and a small `rope_theta`. With heads of 32 and the usual theta the width
part of the rotary embedding moves 0.003 rad a column, so that neighbouring columns look alike.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.utils import logging

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
ANSWER_TAGS = ("<perception>", "</perception>", "<think>", "</think>", "<answer>", "</answer>")

# A word, a number or one sign, together with the single blank or line break before it: `\n16 2 -` is three tokens, so a
# board of 16 cells is 16 tokens, and joining tokens gives back the text to the byte.
_PIECES = r"[ \n]?(?:\p{L}+|\p{N}+|[^\s\p{L}\p{N}])|\s"

# Qwen's turn format, without its default system message: at this size every token of the prompt costs.
CHAT_TEMPLATE = """\
{%- for message in messages -%}
{{- '<|im_start|>' + message['role'] + '\n' -}}
{%- if message['content'] is string -%}
{{- message['content'] -}}
{%- else -%}
{%- for part in message['content'] -%}
{%- if part['type'] in ('image', 'image_url') or 'image' in part -%}
{{- '<|vision_start|><|image_pad|><|vision_end|>' -}}
{%- elif part['type'] == 'video' or 'video' in part -%}
{{- '<|vision_start|><|video_pad|><|vision_end|>' -}}
{%- else -%}
{{- part['text'] -}}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{- '<|im_end|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\n' -}}
{%- endif -%}
"""


class Size(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The numbers that make a size. vLLM's CPU attention wants text heads 32, 64, 80, 96, 112, 128... wide."""

    hidden: int = 128
    layers: int = 3
    heads: int = 4
    kv_heads: int = 2
    mlp: int = 256
    vision_hidden: int = 128
    vision_layers: int = 1
    vision_heads: int = 4
    vision_mlp: int = 256
    rope_theta: float = 10.0  # positions of a nano frame are below 10: slow rotations would not tell them apart
    max_positions: int = 2048

    @property
    def head_dim(self) -> int:
        return self.hidden // self.heads


SIZES = {
    "1m": Size(),
    "100k": Size(hidden=64, layers=1, heads=2, kv_heads=1, mlp=64, vision_hidden=32, vision_heads=1, vision_mlp=32),
}
"""`1m` learns games; `100k` learns nothing worth having, but is built and run in a blink, which is what tests want."""


def build(folder: str | Path, *, texts: Iterable[str], seed: int = 0, size: str | Size = "1m") -> None:
    """Write a freshly initialised model, its tokenizer and processor to `folder`, all of it or nothing.

    `texts` are samples of what will be said (prompts, answers); each of their words becomes one token, and any other
    text is spelt in bytes. The same `texts`, `seed` and `size` give the same files. Raises `ValueError` if `folder`
    exists or `size` is unknown.
    """
    target = Path(folder)
    if target.exists():
        raise ValueError(f"{target} exists already: choose another folder or remove it first")
    numbers = size if isinstance(size, Size) else _size_named(size)
    logging.disable_progress_bar()  # it would show one shard
    tokenizer = build_tokenizer(texts)
    model = build_model(build_config(numbers, tokenizer), seed)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        model.save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)
        for name, content in processor_files().items():
            (unfinished / name).write_text(json.dumps(content, indent=2) + "\n")
        unfinished.chmod(0o755)  # mkdtemp makes it private
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)  # gone already when all went well


def build_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Byte-level tokenizer whose words are those of `texts`; every other string is spelt in its UTF-8 bytes.

    There are no merges: `ignore_merges` takes a piece that is in the vocabulary whole, and bytes are the rest. So the
    vocabulary holds nothing that is not said, and does not depend on how ties between merges are broken.
    """
    splitter = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    # Tags are tokens of their own, so what is beside them must be cut as if they were not there.
    tags = Regex("|".join(re.escape(token) for token in SPECIAL_TOKENS + ANSWER_TAGS))
    cutter = pre_tokenizers.Sequence([pre_tokenizers.Split(tags, behavior="removed"), splitter])
    words = {"user", "assistant", "system"}
    for text in texts:
        words.update(piece for piece, _ in cutter.pre_tokenize_str(text))
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    entries = [*SPECIAL_TOKENS, *ANSWER_TAGS, *alphabet, *sorted(words - set(alphabet))]
    tokenizer = Tokenizer(
        models.BPE(vocab={word: index for index, word in enumerate(entries)}, merges=[], ignore_merges=True)
    )
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS])
    # Not special, so that decoding with `skip_special_tokens=True` keeps what the parser looks for.
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in ANSWER_TAGS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=["<|im_start|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=SIZES["1m"].max_positions,
    )


def build_config(size: Size, tokenizer: PreTrainedTokenizerFast) -> Qwen2_5_VLConfig:
    """The configuration of a Qwen2.5-VL with the numbers of `size` and the ids of `tokenizer`."""
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS}
    pairs = size.head_dim // 2
    side = pairs * 3 // 8  # time, height and width share the rotary pairs as 2:3:3, as in the released models
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": size.hidden,
        "intermediate_size": size.mlp,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.kv_heads,
        "max_position_embeddings": size.max_positions,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": size.rope_theta,
            "mrope_section": [pairs - 2 * side, side, side],
        },
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
    }
    vision = {
        "depth": size.vision_layers,
        "hidden_size": size.vision_hidden,
        "intermediate_size": size.vision_mlp,
        "num_heads": size.vision_heads,
        "out_hidden_size": size.hidden,
        "fullatt_block_indexes": list(range(size.vision_layers)),
    }
    return Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        tie_word_embeddings=True,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )


def build_model(config: Qwen2_5_VLConfig, seed: int) -> Qwen2_5_VLForConditionalGeneration:
    """A model in fp32 with weights drawn from `seed` alone; torch's global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        model = Qwen2_5_VLForConditionalGeneration(config).to(torch.float32)
    init_weights(model, seed)
    model.generation_config.eos_token_id = config.text_config.eos_token_id
    model.generation_config.pad_token_id = config.text_config.pad_token_id
    model.generation_config.bos_token_id = config.text_config.bos_token_id
    return model


@torch.no_grad()
def init_weights(model: torch.nn.Module, seed: int) -> None:
    """Draw every matrix from N(0, 1/fan_in), halved where it writes to the residual stream, embeddings from N(0, 4/H).

    The library's flat 0.02 leaves a narrow network nearly silent: its first layers pass on a tenth of the signal, and
    the frame does not reach the answer within the steps that we can afford. Embeddings twice as wide as fan-in says let
    a word weigh about as much as an image token: after 480 steps of 16 boards (one seed) 0.00 nats were left a cell of
    2048, against 0.66 with embeddings half and 0.44 with embeddings double that width.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            parameter.fill_(0.0 if name.endswith("bias") else 1.0)
            continue
        fan_in = parameter.numel() // parameter.shape[0]
        parameter.normal_(0.0, _gain(name) * fan_in**-0.5, generator=generator)


def _gain(name: str) -> float:
    if name.endswith("embed_tokens.weight"):
        return 2.0
    return 0.5 if name.endswith(("o_proj.weight", "down_proj.weight", "attn.proj.weight")) else 1.0


def processor_files() -> dict[str, dict[str, Any]]:
    """The processor's JSON files by name.

    Written out instead of saved from objects: those need torchvision, which a trainer that cuts its own patches does
    not. `min_pixels` admits a frame of one image token, where the default would enlarge a nano frame.
    """
    pixels = {
        "patch_size": 14,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "min_pixels": 28 * 28,
        "max_pixels": 1280 * 28 * 28,
        "size": {"shortest_edge": 28 * 28, "longest_edge": 1280 * 28 * 28},
        "rescale_factor": 1 / 255,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "processor_class": "Qwen2_5_VLProcessor",
    }
    return {
        "preprocessor_config.json": {**pixels, "image_processor_type": "Qwen2VLImageProcessor"},
        "video_preprocessor_config.json": {**pixels, "video_processor_type": "Qwen2VLVideoProcessor"},
    }


def _size_named(name: str) -> Size:
    if name not in SIZES:
        raise ValueError(f"no size {name!r}: choose one of {', '.join(sorted(SIZES))}, or give a Size")
    return SIZES[name]
