"""Where models are: a path, or a name that Hugging Face's cache knows."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ModelError

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from ._nimbert import Engine

# What is read of a repository.
WANTED = ["*.json", "*.safetensors", "*.txt", "*.nimbert", "*/config.json", "*/*.safetensors"]


def cache() -> Path:
    """The directory of Hugging Face's cache: HF_HUB_CACHE, or `hub` in HF_HOME, or in ~/.cache/huggingface."""
    if found := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(found).expanduser()
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    return Path(home).expanduser() / "hub"


def cached(name: str, revision: str = "main") -> Path | None:
    """The directory of a model in the cache, or None."""
    repository = cache() / ("models--" + name.replace("/", "--"))
    reference = repository / "refs" / revision
    commit = reference.read_text().strip() if reference.is_file() else revision
    snapshot = repository / "snapshots" / commit
    # A tokenizer alone may be there, too.
    has_weights = any(any(snapshot.glob(pattern)) for pattern in ("*.safetensors", "*.nimbert", "pytorch_model*.bin"))
    return snapshot if has_weights else None


def find(model: str | PathLike[str], revision: str = "main") -> Path:
    """The path of a model: `model` itself if it is there, else what Hugging Face's cache has under that name.

    Where it is not there either, and the package huggingface_hub is installed and not told to stay offline, it is downloaded.

    Raises ModelError when there is none.
    """
    if os.path.exists(model):
        return Path(model)
    name = os.fspath(model)
    is_name = name.count("/") <= 1 and not name.startswith((".", "/", "~")) and "\\" not in name
    if is_name:
        if found := cached(name, revision):
            return found
        offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
        if not offline:
            return _download(name, revision)
    advice = f", nor in {cache()} (HF_HUB_OFFLINE is set)" if is_name else ""
    raise ModelError(f"{name}: there is no such directory or file{advice}")


def _download(name: str, revision: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise ModelError(
            f"{name}: there is no such directory or file, nor in {cache()}; `pip install huggingface_hub` lets it be downloaded, or "
            f"`hf download {name}` elsewhere does"
        ) from None
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=WANTED))
    except Exception as error:
        raise ModelError(f"{name}: there is no such directory or file, and it cannot be downloaded: {error}") from error


def from_pretrained(model: str | PathLike[str] | None = None, revision: str = "main", **options: Any) -> Engine:
    """An Engine for a path, or for the name of a model on the Hugging Face hub: see find(). Options are those of Engine."""
    from ._nimbert import Engine

    return Engine(None if model is None else find(model, revision), **options)


def is_engine(model: object) -> TypeIs[Engine]:
    """Whether a model is loaded: an Engine, or what has its methods."""
    return hasattr(model, "tasks")
