"""Write a page that runs a model in the browser, without a server."""

import gzip
import hashlib
import json
import os
import re
import tarfile
from base64 import b64encode
from collections.abc import Mapping
from hashlib import file_digest
from html import escape
from pathlib import Path
from typing import Any

from skpneumo._html import write_page
from skpneumo._pixel_values import DARKER
from skpneumo.persistence import OnnxClassifier
from skpneumo.serving._facts import model_facts
from skpneumo.serving._limits import Limits
from skpneumo.serving._model import ServedModel
from skpneumo.serving._page_files import page_file

__all__ = ["write_local_page"]

_PACKAGE = "onnxruntime-web"
_PARTS = {
    "runtime-data": "dist/ort.wasm.bundle.min.mjs",
    "wasm-data": "dist/ort-wasm-simd-threaded.wasm",
}
_LARGEST_PART = 64 * 2**20
_HOW = f"`npm pack {_PACKAGE}` downloads it"


def write_local_page(
    model: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    runtime: str | os.PathLike[str],
    name: str | None = None,
) -> None:
    """Write an HTML page that contains a model and predicts images in the browser.

    Images never leave the computer: the page needs no server and no network, and its policy
    forbids any connection. It reads JPEG and PNG files, which browsers can decode, and has no heat
    maps.

    Parameters
    ----------
    model : path-like
        File written by :func:`~skpneumo.persistence.export_onnx`.
    path : path-like
        Page to write. If writing fails, an existing file is unchanged.
    runtime : path-like
        The npm package onnxruntime-web: the archive that ``npm pack onnxruntime-web`` downloads,
        or the folder where it is installed. It is not included, because it is larger than this
        whole package.
    name : str, default=None
        Name of the model on the page; by default that of its file.

    Raises
    ------
    FileNotFoundError
        If the model or the runtime does not exist.
    ValueError
        If either is not a file of the right kind.
    ImportError
        If onnx or onnxruntime is not installed.

    See Also
    --------
    make_app : Makes a page with a server, for all formats and with heat maps.

    Examples
    --------
    >>> from skpneumo.serving import write_local_page
    >>> write_local_page(
    ...     "model.onnx", "model.html",
    ...     runtime="onnxruntime-web-1.30.0.tgz")  # doctest: +SKIP
    """
    model, runtime = Path(model), Path(runtime)
    facts = _facts(model, name or model.name)
    parts, version = _runtime(runtime)
    facts["versions"] |= {_PACKAGE: version}
    write_page(path, _page(facts, {"model-data": model.read_bytes(), **parts}))


def _facts(model: Path, name: str) -> dict[str, Any]:
    """Collect the facts about the model, as for ``GET /model`` of a server."""
    exported = OnnxClassifier(model).fit()  # also checks the file
    said = exported.facts_
    names = said.names or said.classes
    notice = (said.provenance or {}).get("notice")
    served = ServedModel(
        exported,
        [str(each) for each in names],
        {"notice": notice} if isinstance(notice, str) else {},
    )
    limits = Limits()
    facts = model_facts(served, limits)
    with open(model, "rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    own = {
        # Files whose brightest pixel is not black, but no brighter than this, are refused.
        "darkest": None if said.value_range is None else said.value_range[1] / DARKER,
        "name": name,
        "sha256": digest,
        "versions": {"skpneumo": said.version},
    }
    if said.gate is not None:
        # The graph computes the scores of the checks; the page compares them with the thresholds.
        facts["gate"] |= {"thresholds": said.gate.thresholds, "reasons": said.gate.reasons}
    return facts | own


def _runtime(runtime: Path) -> tuple[dict[str, bytes], str]:
    """Read the files of the runtime, and its version."""
    if not runtime.exists():
        raise FileNotFoundError(f"There is no {_PACKAGE} at {runtime}: {_HOW}.")
    wanted = {"package.json": "package.json", **_PARTS}
    found = {}
    for part, place in wanted.items():
        content = _from_folder(runtime, place) if runtime.is_dir() else _from_tar(runtime, place)
        if content is None:
            raise ValueError(f"{runtime} has no {place}, so it is not {_PACKAGE}: {_HOW}.")
        found[part] = content
    described = json.loads(found.pop("package.json"))
    if described.get("name") != _PACKAGE:
        raise ValueError(f"{runtime} is {described.get('name')!r}, not {_PACKAGE}: {_HOW}.")
    return found, str(described.get("version"))


def _from_folder(folder: Path, place: str) -> bytes | None:
    file = folder / place
    return file.read_bytes() if file.is_file() else None


def _from_tar(archive: Path, place: str) -> bytes | None:
    """Read one file of the archive without unpacking it."""
    try:
        with tarfile.open(archive) as package:
            member = package.getmember(f"package/{place}")
            if not member.isfile() or member.size > _LARGEST_PART:
                return None
            file = package.extractfile(member)
            return None if file is None else file.read()
    except KeyError:
        return None
    except tarfile.TarError:
        raise ValueError(f"{archive} is not an npm archive: {_HOW}.") from None


def _page(facts: Mapping[str, Any], parts: Mapping[str, bytes]) -> str:
    """Make the page of the server, with a script that computes the answers itself."""
    page, style, local, script = map(page_file, ("index.html", "page.css", "local.js", "page.js"))
    data = "".join(_data(name, content) for name, content in parts.items())
    facts_data = json.dumps(facts).replace("<", "\\u003c")
    data += f'<script type="application/json" id="facts-data">{facts_data}</script>'
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src blob: data:; connect-src 'none'; "
        f"script-src {_hash(local)} {_hash(script)} blob: 'wasm-unsafe-eval'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">'
    replaced = {
        '<meta charset="utf-8">': f'<meta charset="utf-8">{head}',
        '<link rel="stylesheet" href="page.css">': f"<style>{style}</style>",
        '<script src="server.js" defer></script>': "",
        '<script src="page.js" defer></script>': "",
        "JPEG, PNG, TIFF, DICOM": "JPEG, PNG",
        "NEEDS_TOKEN": "no",
        "</body>": f"{data}<script>{local}</script><script>{script}</script></body>",
    }
    for old, new in replaced.items():
        assert page.count(old) == 1, old
        page = page.replace(old, new)
    return re.sub("<noscript>.*?</noscript>", "", page, flags=re.DOTALL)


def _data(name: str, content: bytes) -> str:
    # Without a time stamp, so that the same content gives the same bytes.
    packed = b64encode(gzip.compress(content, mtime=0)).decode()
    return f'<script type="application/octet-stream" id="{name}">{packed}</script>'


def _hash(script: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
