"""``skpneumo export``: write a model to an ONNX file, or to a page that computes it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from skpneumo.cli._options import Force
from skpneumo.cli._terminal import say

__all__ = ["export"]


def export(
    model: Path,
    out: Path,
    /,
    *images: Path,
    card: Path | None = None,
    tolerance: float = 1e-3,
    runtime: Path | None = None,
    force: Force = False,
) -> None:
    """Write a model to an ONNX file, or to a page that predicts in a browser.

    Neither needs Keras or TensorFlow.

    The file takes the pixels of an image of any size; resizing, networks, calibration, threshold
    and decision are in it. It is compared with the model on images before it is written, and is
    not written if their probabilities differ. With the suffix .html it is a page with the model
    inside, which computes it in the browser: images leave no machine.

    Parameters
    ----------
    model
        Model file of `skpneumo fit`; or a .joblib file of somebody you trust; or pretrained; for a
        page, an ONNX file as well.
    out
        File to write; its suffix is .onnx or .html.
    images
        X-rays to compare on. Default: synthetic ones.
    card
        Text file with a model card, to be saved in the file. Default: what `skpneumo card` writes.
    tolerance
        Largest difference of a probability at which the file is written.
    runtime
        For a page: the archive that `npm pack onnxruntime-web` downloads, or the folder in which
        that package is installed.
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
            f"{out} does not end in .onnx or .html, which is what there is to export to. Name "
            "another file."
        )
    if suffix == ".html" and runtime is None:
        raise ValueError(
            "A page needs onnxruntime-web: download it with `npm pack onnxruntime-web`, and name "
            "the archive with --runtime."
        )
    refuse_the_same_file(
        {"the model": model, "the new file": out, "--card": card, "--runtime": runtime}
    )
    refuse_to_overwrite(out, force)
    estimator = load_model(model)
    is_exported = isinstance(estimator, OnnxClassifier)
    if is_exported and suffix == ".onnx":
        raise ValueError(f"{model} is an ONNX file already.")
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
    """The card that is given, or what is known of the model."""
    from skpneumo.cli._labels import class_names
    from skpneumo.report import model_card

    if card is not None:
        return card.read_text(encoding="utf-8")
    return model_card(estimator, name=model.stem, target_names=class_names(estimator))


def _write(
    estimator: Any, out: Path, images: tuple[Path, ...], card: str, tolerance: float
) -> str:
    """Write the ONNX file, and say how far it is from the model."""
    from skpneumo.cli._labels import class_names
    from skpneumo.persistence import export_onnx

    parity = export_onnx(
        estimator,
        out,
        images=[str(image) for image in images] or None,
        target_names=class_names(estimator),
        card=card,
        tolerance=tolerance,
    )
    return (
        f"On {parity.n_images} images its probabilities differ from the model's by "
        f"{parity.largest:.1e} at most."
    )


def _write_page(model: Path, out: Path, runtime: Path | None, name: str) -> None:
    from skpneumo.serving import write_local_page

    assert runtime is not None
    write_local_page(model, out, runtime=runtime, name=name)
    say(f"Saved {out}, {out.stat().st_size / 1e6:.1f} MB. Open it in a browser.")
