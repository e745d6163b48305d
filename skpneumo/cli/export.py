"""``skpneumo export``: write a model to an ONNX file, or to a page that predicts in a browser."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from skpneumo.cli._options import Force
from skpneumo.cli._terminal import say

__all__ = ["export"]


def export(
    model: Path,
    out: Path,
    /,
    *images: Path,
    card: Path | None = None,
    tolerance: Annotated[float, Parameter(validator=Number(gte=0))] = 1e-3,
    runtime: Path | None = None,
    force: Force = False,
) -> None:
    """Write a model to an ONNX file, or to a page that predicts in a browser.

    Neither needs Keras or TensorFlow.

    The ONNX file accepts the pixels of an image of any size, and includes resizing, networks,
    calibration, threshold and decision. Before it is written, its predictions are compared with
    those of the model on some images; if they differ, nothing is written. With the suffix .html
    the output is a page that contains the model and runs it in the browser, so no image leaves the
    computer.

    Parameters
    ----------
    model
        Model file of `skpneumo fit`; or a .joblib file of somebody you trust; or pretrained, the
        model that ships with the package; for a page, also an ONNX file.
    out
        File to write, with the suffix .onnx or .html.
    images
        X-rays to compare the predictions on. Default: synthetic ones.
    card
        Text file with a model card to include. Default: the card that `skpneumo card` writes.
    tolerance
        Largest difference between probabilities that is accepted.
    runtime
        For a page: the archive that `npm pack onnxruntime-web` downloads, or the folder where that
        package is installed.
    force
        Overwrite the file if it exists.
    """
    from skpneumo.cli._distinct_files import refuse_the_same_file
    from skpneumo.cli._model_files import find_model, load_model, refuse_to_overwrite
    from skpneumo.persistence import OnnxClassifier

    model = find_model(model)
    suffix = out.suffix.lower()
    if suffix not in (".onnx", ".html"):
        raise ValueError(
            f"{out} does not end in .onnx or .html, the two formats of export. Name another file."
        )
    if suffix == ".html" and runtime is None:
        raise ValueError(
            "A page needs onnxruntime-web. Download it with `npm pack onnxruntime-web`, and name "
            "the archive with --runtime."
        )
    refuse_the_same_file(
        {"the model": model, "the new file": out, "--card": card, "--runtime": runtime}
    )
    refuse_to_overwrite(out, force)
    estimator = load_model(model)
    is_exported = isinstance(estimator, OnnxClassifier)
    if is_exported and suffix == ".onnx":
        raise ValueError(
            f"{model} is already an ONNX file. Name a page that ends in .html to export it to."
        )
    if suffix == ".onnx":
        said = _write(estimator, out, images, _card(estimator, model, card), tolerance)
        say(f"Saved {out}. {said}")
    elif is_exported:
        _write_page(model, out, runtime, model.name)
    else:
        with TemporaryDirectory() as folder:
            between = Path(folder, f"{model.stem}.onnx")
            say(_write(estimator, between, images, _card(estimator, model, card), tolerance))
            _write_page(between, out, runtime, model.name)


def _card(estimator: Any, model: Path, card: Path | None) -> str:
    """Read the given card, or write one with the known facts."""
    from skpneumo.cli._labels import class_names
    from skpneumo.report import model_card

    if card is not None:
        return card.read_text(encoding="utf-8")
    return model_card(estimator, name=model.stem, target_names=class_names(estimator))


def _write(
    estimator: Any, out: Path, images: tuple[Path, ...], card: str, tolerance: float
) -> str:
    """Write the ONNX file, and describe how much its predictions differ from the model's."""
    from skpneumo.cli._labels import class_names
    from skpneumo.persistence import NotExportableError, export_onnx

    try:
        parity = export_onnx(
            estimator,
            out,
            images=[str(image) for image in images] or None,
            target_names=class_names(estimator),
            card=card,
            tolerance=tolerance,
        )
    except NotExportableError as error:
        raise ValueError(
            f"{error} `skpneumo predict` and `skpneumo serve` can use the model as it is."
        ) from error
    return (
        f"On {parity.n_images} images its probabilities differ from those of the model by at most "
        f"{parity.largest:.1e}."
    )


def _write_page(model: Path, out: Path, runtime: Path | None, name: str) -> None:
    from skpneumo.serving import write_local_page

    assert runtime is not None
    write_local_page(model, out, runtime=runtime, name=name)
    say(f"Saved {out}, {out.stat().st_size / 1e6:.1f} MB. Open it in a browser.")
