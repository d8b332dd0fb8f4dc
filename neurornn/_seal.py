"""Tensors and metadata as the bytes of a safetensors file that carries the digest of itself."""

__all__ = ["seal", "unseal"]

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import safetensors
import safetensors.torch
from torch import Tensor

_KEY: Final = "neurornn"  # of the metadata inside the file
_BLANK: Final = "0" * 64  # where the digest stands while it is computed


def seal(tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> bytes:
    """The bytes of a file; the same content gives the same bytes.

    Args:
        tensors: Named tensors.
        metadata: Whatever JSON can hold.

    Returns:
        A safetensors file whose metadata holds the SHA-256 digest of the whole file with zeros in its place.
    """
    text = json.dumps({"sha256": _BLANK, **metadata}, separators=(",", ":"), allow_nan=False)
    copies = {name: each.detach().cpu().contiguous().clone() for name, each in tensors.items()}
    content = safetensors.torch.save(copies, {_KEY: text})
    digest = hashlib.sha256(content).hexdigest()
    return content.replace(_stamp(_BLANK), _stamp(digest), 1)


def unseal(content: bytes, *, strict: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Check the digest and take out what was put in.

    Args:
        content: Bytes of a file.
        strict: Whether a file without a digest is refused; otherwise it is one of another program.

    Returns:
        Tensors and metadata.

    Raises:
        ValueError: If a bit of it is not what was written.
    """
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 + size:
        raise ValueError(f"it is truncated after {len(content)} bytes")
    try:
        header = json.loads(content[8 : 8 + size])
        text = header.get("__metadata__", {}).get(_KEY)
        metadata: dict[str, Any] = {} if text is None else json.loads(text)
        digest = metadata.pop("sha256", None)
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"its header is not readable ({error})") from error
    if digest is None and (strict or text is not None):
        raise ValueError("its digest is missing")
    if digest is not None:
        blank = content[: 8 + size].replace(_stamp(digest), _stamp(_BLANK), 1) + content[8 + size :]
        if hashlib.sha256(blank).hexdigest() != digest:
            raise ValueError("its content does not match its SHA-256 digest")
    try:
        tensors = safetensors.torch.load(content)
    except (KeyError, safetensors.SafetensorError) as error:
        raise ValueError(f"it is not a safetensors file ({error})") from error
    return {name: each.clone() for name, each in tensors.items()}, metadata


def _stamp(digest: str) -> bytes:
    """How a digest stands in the header: JSON inside a JSON string."""
    return f'\\"sha256\\":\\"{digest}\\"'.encode()
