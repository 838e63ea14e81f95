"""A trained network as a web page: a folder of files that any server hands out, and a browser computes with."""

import json
import logging
import shutil
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

import numpy as np

from inlay.errors import InlayError, one_line
from inlay.export.folder import writing_folder
from inlay.export.graphs import compare, onnx_of, require_onnx
from inlay.export.wrappers import ExportModule, exporting, parts_of, traced
from inlay.fillers.onnx import PICTURE
from inlay.fillers.onnx_file import library

log = logging.getLogger(__name__)

RUNTIME = "onnxruntime-web"
VERSION = "1.30.0"
LARGE = 12_000_000  # bytes of a model that a phone still loads in seconds
_RUNTIME_FILES = ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
_OWN_FILES = ("index.html", "page.css", "page.js", "worker.js")
TOLERANCE = 2 / 255  # largest difference that half precision may make
_TOO_LONG = 600  # seconds of npm
_LEAST = 256  # numbers of a weight that is stored in half precision
_SIZE = 256  # where nothing says what crops a network was trained on


def export_page(checkpoint_path: Path, target: Path, runtime: Path | None = None) -> list[Path]:
    """Write a checkpoint as a web page that fills pictures in the browser and asks no other server for anything.

    The folder holds ``model.onnx`` with weights in half precision, the page, onnxruntime-web, and a README. It is
    there whole or not at all.

    Args:
        checkpoint_path: a checkpoint that ``inlay train`` wrote, or a folder that ``inlay export`` did.
        target: the folder, to be made.
        runtime: folder with the files of onnxruntime-web (``dist`` of its package); None to get them with npm.

    Returns:
        The files.

    Raises:
        InlayError: see :func:`~inlay.export.wrappers.parts_of`; or the network cannot be exported, or takes more than a
            picture and a hole, onnxruntime-web cannot be had, or ``target`` holds something.
    """
    require_onnx()
    with writing_folder(target) as folder:
        found = runtime_files(runtime)
        part, *others = parts_of(checkpoint_path)
        if others or list(part.inputs) != list(PICTURE):
            raise InlayError(f"{checkpoint_path}: takes more than a picture and its hole, which a page cannot give it.")
        model, facts = _model(part), part.facts
        if len(model) > LARGE:
            log.warning("model.onnx has %d MB: phones take long to load it. model=mobile has 4.", len(model) // 10**6)
        (folder / "model.onnx").write_bytes(model)
        (folder / "page.json").write_text(json.dumps({"image_size": facts["image_size"] or _SIZE}) + "\n")
        (folder / "README.md").write_text(_readme(str(facts["family"]), len(model)))
        for name in _OWN_FILES:
            (folder / name).write_bytes((files("inlay.export") / "page_files" / name).read_bytes())
        for name, content in found.items():
            (folder / name).write_bytes(content)
    return sorted(target.iterdir())


def runtime_files(given: Path | None) -> dict[str, bytes]:
    """The files of onnxruntime-web by name: from a folder, or by ``npm install`` into one that is gone afterwards.

    Raises:
        InlayError: a file is missing, npm is, or npm fails.
    """
    if given is not None:
        if missing := [name for name in _RUNTIME_FILES if not (given / name).is_file()]:
            raise InlayError(
                f"--runtime {given}: without {missing[0]}. Give node_modules/{RUNTIME}/dist, or leave it out."
            )
        return {name: (given / name).read_bytes() for name in _RUNTIME_FILES}
    npm = shutil.which("npm")
    otherwise = f"Or give --runtime FOLDER, the folder dist of the package {RUNTIME}."
    if npm is None:
        raise InlayError(f"there is no npm to get {RUNTIME} {VERSION} with. Install Node.js. {otherwise}")
    log.info("getting %s %s with npm", RUNTIME, VERSION)
    with tempfile.TemporaryDirectory() as place:
        command = [npm, "install", "--prefix", place, "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            subprocess.run(
                [*command, f"{RUNTIME}@{VERSION}"],
                check=True,
                capture_output=True,
                text=True,
                cwd=place,
                timeout=_TOO_LONG,
            )
        except subprocess.CalledProcessError as error:
            lines = (error.stderr or error.stdout).strip().splitlines() or ["no reason given"]
            raise InlayError(f"npm could not install {RUNTIME} {VERSION}: {lines[0]}. {otherwise}") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InlayError(f"npm could not be run: {one_line(error)}. {otherwise}") from error
        return runtime_files(Path(place) / "node_modules" / RUNTIME / "dist")


def _model(part: ExportModule) -> bytes:
    log.info("tracing %s for every size, a minute or so", part.facts["family"])
    program = traced(part)
    with exporting(part):
        content = halved(onnx_of(part, program))
        compare(part, content, TOLERANCE)
    return content


def halved(content: bytes) -> bytes:
    """A graph whose large weights are stored in half precision, and cast when it is loaded."""
    onnx = library("onnx")
    model = onnx.load_model_from_string(content)
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != onnx.TensorProto.FLOAT or np.prod(weight.dims) < _LEAST:
            continue
        name = weight.name
        half = onnx.numpy_helper.to_array(weight).astype(np.float16)
        if not np.isfinite(half).all():
            continue  # a number that half precision does not know
        weight.CopyFrom(onnx.numpy_helper.from_array(half, f"{name}_half"))
        casts.append(onnx.helper.make_node("Cast", [weight.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    half_content: bytes = model.SerializeToString()
    return half_content


def _readme(family: str, size: int) -> str:
    return f"""# A page that fills holes in pictures

`model.onnx` ({family}, {size / 1e6:.1f} MB, weights in half precision) and a page that computes with it in the browser.
Pictures stay on the device that opens the page, and the page loads nothing from anywhere else.

Try it:

    python3 -m http.server --directory . 8000    # then open http://localhost:8000

To publish it, put these files on any web server: they are static. A file:// address does not do, as browsers load no
network from there. A server that sends `Cross-Origin-Opener-Policy: same-origin` and
`Cross-Origin-Embedder-Policy: require-corp` lets the browser use several threads.

Pixels outside the hole stay those of the picture. What is much larger than the pictures of the training is filled from
a smaller copy of what is around the hole. The result is a PNG with 8 bits a channel in sRGB; EXIF is not carried over,
and where a picture is transparent the browser rounds its colors.

- `model.onnx`: the network. It takes `image`, (1, 3, H, W) in [0, 1], and `mask`, (1, 1, H, W) with 1 = hole, of any
  height and width, and returns `filled`.
- `index.html`, `page.css`, `page.js`, `worker.js`, `page.json`: the page.
- `ort.wasm.min.js`, `ort-wasm-simd-threaded.*`: {RUNTIME}, which computes ONNX files in browsers (MIT license).
"""
