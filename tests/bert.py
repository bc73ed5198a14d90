"""A tiny BERT with random weights in the shape of a sentence-transformers folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

WORDS = (
    "red",
    "blue",
    "shoe",
    "dress",
    "mouse",
    "lamp",
    "usb",
    "cable",
    "drill",
    "for",
    "with",
    "and",
    "of",
    "size",
    "cm",
)


def tiny(folder: Path, pooling: str = "mean", **prompts: str) -> Path:
    """Write a two-layer BERT of 32 components whose word pieces are `WORDS` and single characters."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    import tokenizers
    from tokenizers import normalizers, pre_tokenizers, processors

    letters = [chr(code) for code in range(33, 127)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *dict.fromkeys([*WORDS, *letters, *(f"##{c}" for c in letters)])]
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    torch.manual_seed(7)
    config = transformers.BertConfig(
        vocab_size=len(pieces), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=64, initializer_range=0.1,
    )  # fmt: skip
    folder.mkdir(parents=True)
    transformers.utils.logging.disable_progress_bar()
    transformers.BertModel(config).save_pretrained(str(folder))
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "1_Pooling").mkdir()
    mode = {f"pooling_mode_{name}": name.startswith(pooling) for name in ("cls_token", "mean_tokens", "max_tokens")}
    write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": 32, **mode})
    write(
        folder / "modules.json",
        [
            {"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        ],
    )
    write(folder / "sentence_bert_config.json", {"max_seq_length": 24})
    if prompts:
        write(folder / "config_sentence_transformers.json", {"prompts": prompts})
    return folder


def write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
