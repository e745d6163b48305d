"""The comparison of graph and model, also on real X-rays if available."""

import errno
import os

import numpy as np
import pytest
from graphs import run_graph, to_image
from PIL import Image
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from skpneumo import ImageLoader, make_pipeline
from skpneumo.persistence import export_onnx
from skpneumo.persistence.onnx._graph import GraphBuilder
from skpneumo.persistence.onnx._parity import compare_with_model, images_from, invented_images
from skpneumo.persistence.onnx._resizing import load_image


def test_invented_images_are_of_many_kinds():
    shapes = [image.shape for image in invented_images()]
    assert {shape[2] for shape in shapes} == {1, 3}
    assert any(height > width for height, width, _ in shapes)
    assert min(height for height, *_ in shapes) < 40
    assert all(image.dtype == np.uint8 for image in invented_images())


def test_files_are_read_in_full(tmp_path):
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    cases = {
        "grey.png": (Image.fromarray(grey), (3, 4, 1)),
        "deep.png": (Image.fromarray(grey.astype(np.uint16) * 256), (1024, 1024, 1)),
        "palette.png": (Image.fromarray(grey).convert("P"), (3, 4, 3)),
        "colour.png": (Image.merge("RGB", [Image.fromarray(grey)] * 3), (3, 4, 3)),
    }
    for name, (image, _) in cases.items():
        image.save(tmp_path / name)
    found = images_from([tmp_path / name for name in cases])
    assert [image.shape for image in found] == [shape for _, shape in cases.values()]
    assert np.array_equal(found[0][..., 0], grey)


def test_a_file_that_cannot_be_written_is_named(monkeypatch):
    def save(self, path, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Image.Image, "save", save)
    model = make_pipeline(ImageLoader(size=16), LogisticRegression())
    with pytest.raises(OSError, match=r"No space left on device: .*0\.png"):
        compare_with_model(model, None, [np.zeros((4, 4, 1), np.uint8)], 0.01)


@pytest.mark.real
@pytest.mark.parametrize("resize", ["stretch", "pad", "crop"])
def test_real_x_rays(resize, real_data, pipeline, tmp_path):
    files = sorted((real_data / "originals").rglob("*.jp*g"))[::25]
    images = images_from(files)
    whole = make_pipeline(
        ImageLoader(size=16, resize=resize), FrozenEstimator(pipeline.steps[-1][1])
    )
    assert export_onnx(whole, tmp_path / "m.onnx", images=images).largest < 1e-3
    loader = ImageLoader(size=128, resize=resize, cache=False)
    for i, image in enumerate(images):
        path = str(tmp_path / f"{i}.png")
        picture = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
        picture.save(path, compress_level=1)
        graph = GraphBuilder()
        found = to_image(run_graph(graph, load_image(graph, "image", loader).name, image=image))
        assert np.abs(found - np.asarray(loader.transform([path]))[0]).max() <= 1
