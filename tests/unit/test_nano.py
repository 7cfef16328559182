"""The tiny model is an ordinary Qwen2.5-VL folder: any text survives its tokenizer, the frame reaches the answer."""

import filecmp
import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoProcessor, AutoTokenizer, PreTrainedTokenizerFast, Qwen2_5_VLForConditionalGeneration

from g1train.learn import nano

ANSWER = (
    "<perception>\n2 - - 16\n- - 4 2\n- - - -\n128 2 2 -</perception>"
    "<think>rows 0 0 0 4 columns 0 0 0 0 sideways 4 upright 0 so left</think><answer>left</answer>"
)
TEXTS = ["2048", ANSWER]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("nano") / "start"
    nano.build(made, texts=TEXTS, seed=3, size="100k")
    return made


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    loaded: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(folder)
    return loaded


@pytest.fixture(scope="module")
def model(folder: Path) -> Qwen2_5_VLForConditionalGeneration:
    return Qwen2_5_VLForConditionalGeneration.from_pretrained(folder).eval()


def test_every_word_of_the_texts_is_one_token(tokenizer: PreTrainedTokenizerFast) -> None:
    tags = len(nano.ANSWER_TAGS)
    cells, rationale, action = 16, 16, 1
    assert len(tokenizer.encode(ANSWER)) == tags + cells + rationale + action
    assert tokenizer.tokenize("\n2 16 -") == ["Ċ2", "Ġ16", "Ġ-"]


@given(st.text())
def test_any_text_survives(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("text", ["(0, 1) (2, 3)", "red circle,\n blue star", "  \n\n\t 4096  4096", "größer 五 🎲"])
def test_texts_of_other_games_survive(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(f"<think>{text}</think>")) == f"<think>{text}</think>"


def test_the_parser_sees_tags_but_no_turn_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    ids = tokenizer.encode("<|im_start|><answer>left</answer><|im_end|>")
    assert tokenizer.decode(ids, skip_special_tokens=True) == "<answer>left</answer>"
    assert ids[-1] == tokenizer.eos_token_id


def test_chat_template_is_qwens_without_a_system_message(tokenizer: PreTrainedTokenizerFast) -> None:
    turn = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "2048"}]}
    asked = "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>2048<|im_end|>\n"
    assert (
        tokenizer.apply_chat_template([turn], tokenize=False, add_generation_prompt=True)
        == asked + "<|im_start|>assistant\n"
    )
    reply = {"role": "assistant", "content": "ok"}
    assert (
        tokenizer.apply_chat_template([turn, reply], tokenize=False) == asked + "<|im_start|>assistant\nok<|im_end|>\n"
    )


def test_the_same_seed_gives_the_same_files(folder: Path, tmp_path: Path) -> None:
    again, other = tmp_path / "again", tmp_path / "other"
    nano.build(again, texts=reversed(TEXTS), seed=3, size="100k")
    nano.build(other, texts=TEXTS, seed=4, size="100k")
    names = sorted(path.name for path in folder.iterdir())
    assert filecmp.cmpfiles(folder, again, names, shallow=False) == (names, [], [])
    assert filecmp.cmpfiles(folder, other, names, shallow=False)[1] == ["model.safetensors"]


def test_building_leaves_the_global_generator_alone(tokenizer: PreTrainedTokenizerFast) -> None:
    before = torch.random.get_rng_state()
    nano.build_model(nano.build_config(nano.SIZES["100k"], tokenizer), seed=0)
    assert torch.equal(before, torch.random.get_rng_state())


def test_sizes_keep_their_names(tokenizer: PreTrainedTokenizerFast) -> None:
    counts = {
        name: sum(p.numel() for p in nano.build_model(nano.build_config(size, tokenizer), 0).parameters())
        for name, size in nano.SIZES.items()
    }
    assert 1.0e6 < counts["1m"] < 1.3e6
    assert 0.9e5 < counts["100k"] < 1.5e5


@pytest.mark.parametrize("name", sorted(nano.SIZES))
def test_config_holds_together(tokenizer: PreTrainedTokenizerFast, name: str) -> None:
    config = nano.build_config(nano.SIZES[name], tokenizer)
    text, vision = config.text_config, config.vision_config
    assert sum(text.rope_parameters["mrope_section"]) == text.hidden_size // text.num_attention_heads // 2
    assert vision.out_hidden_size == text.hidden_size
    assert config.image_token_id == tokenizer.convert_tokens_to_ids("<|image_pad|>")
    assert text.vocab_size == len(tokenizer)


def test_weights_are_scaled_by_fan_in(tokenizer: PreTrainedTokenizerFast) -> None:
    weights = nano.build_model(nano.build_config(nano.Size(), tokenizer), 0).state_dict()
    layer = "model.language_model.layers.0"
    assert weights["model.language_model.embed_tokens.weight"].std() == pytest.approx(2 * 128**-0.5, rel=0.05)
    assert weights[f"{layer}.mlp.gate_proj.weight"].std() == pytest.approx(128**-0.5, rel=0.05)
    assert weights[f"{layer}.mlp.down_proj.weight"].std() == pytest.approx(0.5 * 256**-0.5, rel=0.05)
    assert weights["model.visual.patch_embed.proj.weight"].std() == pytest.approx(1176**-0.5, rel=0.05)
    assert weights[f"{layer}.self_attn.q_proj.bias"].abs().max() == 0


def test_saved_weights_are_what_was_drawn(model: Qwen2_5_VLForConditionalGeneration) -> None:
    drawn = nano.build_model(model.config, seed=3).state_dict()
    loaded = model.state_dict()
    assert drawn.keys() == loaded.keys()
    assert all(torch.equal(drawn[name], loaded[name]) for name in drawn)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_the_frame_reaches_the_answer(folder: Path, model: Qwen2_5_VLForConditionalGeneration) -> None:
    processor = AutoProcessor.from_pretrained(folder)
    frames = [torch.full((3, 112, 112), value, dtype=torch.uint8) for value in (0, 255)]
    prompt = "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>2048<|im_end|>\n<|im_start|>assistant\n"
    inputs = processor(text=[prompt] * 2, images=frames, return_tensors="pt")
    assert inputs["image_grid_thw"].tolist() == [[1, 8, 8]] * 2
    assert int((inputs["input_ids"][0] == model.config.image_token_id).sum()) == 16
    with torch.no_grad():
        dark, light = model(**inputs).logits[:, -1]
    assert (dark - light).abs().max() > 0.05


def test_one_token_frames_are_not_enlarged(folder: Path) -> None:
    processor = AutoProcessor.from_pretrained(folder)
    frame = torch.zeros((3, 28, 28), dtype=torch.uint8)
    assert processor.image_processor(frame, return_tensors="pt")["image_grid_thw"].tolist() == [[1, 2, 2]]


def test_an_existing_folder_is_left_alone(folder: Path) -> None:
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(ValueError, match="exists already"):
        nano.build(folder, texts=TEXTS, size="100k")
    assert sorted(path.name for path in folder.iterdir()) == before


def test_unknown_size_names_the_known(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="100k, 1m"):
        nano.build(tmp_path / "model", texts=TEXTS, size="7b")
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_of_a_build_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError("no space left on device")

    monkeypatch.setattr(json, "dumps", full)
    with pytest.raises(OSError, match="no space"):
        nano.build(tmp_path / "model", texts=TEXTS, size="100k")
    assert not list(tmp_path.iterdir())
