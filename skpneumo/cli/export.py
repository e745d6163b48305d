"""``skpneumo export``: write a model to an ONNX file."""

from pathlib import Path

from skpneumo.cli._options import Force

__all__ = ["export"]


def export(
    model: Path,
    out: Path,
    /,
    *images: Path,
    card: Path | None = None,
    tolerance: float = 1e-3,
    force: Force = False,
) -> None:
    """Write a model to an ONNX file, which predicts without Keras and TensorFlow.

    The file takes the pixels of an image of any size; resizing, networks, calibration, threshold
    and decision are in it. It is compared with the model on images before it is written, and is
    not written if their probabilities differ.

    Parameters
    ----------
    model
        Model file, of `skpneumo fit` or joblib.
    out
        File to write; its suffix is .onnx.
    images
        X-rays to compare on. Default: synthetic ones.
    card
        Text file with a model card, to be saved in the file.
    tolerance
        Largest difference of a probability at which the file is written.
    force
        Overwrite the file if it exists.
    """
    from skpneumo.cli._distinct_files import refuse_the_same_file
    from skpneumo.cli._labels import class_names
    from skpneumo.cli._model_files import load_model, refuse_to_overwrite
    from skpneumo.persistence import OnnxClassifier, export_onnx

    if out.suffix.lower() != ".onnx":
        raise ValueError(
            f"{out} does not end in .onnx, which is what there is to export to. Name another file."
        )
    refuse_the_same_file({"the model": model, "the ONNX file": out, "--card": card})
    refuse_to_overwrite(out, force)
    text = None if card is None else card.read_text(encoding="utf-8")
    estimator = load_model(model)
    if isinstance(estimator, OnnxClassifier):
        raise ValueError(f"{model} is an ONNX file already.")
    parity = export_onnx(
        estimator,
        out,
        images=[str(image) for image in images] or None,
        target_names=class_names(estimator),
        card=text,
        tolerance=tolerance,
    )
    print(
        f"Saved {out}. On {parity.n_images} images its probabilities differ from the model's by "
        f"{parity.largest:.1e} at most."
    )
