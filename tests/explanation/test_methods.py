"""Every method on every network, by name."""

import numpy as np
import pytest
from sklearn.base import clone

from skpneumo import (
    CNNClassifier,
    ImageLoader,
    ImageResampler,
    TransferClassifier,
    make_pipeline,
)
from skpneumo.enhancement import ContrastEqualizer
from skpneumo.explanation import grad_cam, occlusion_map
from skpneumo.explanation._methods import METHODS, maps_by


@pytest.mark.parametrize("method", METHODS)
def test_every_method_explains_a_network(method, small, noise):
    maps = maps_by(method, small(), noise[:2])
    assert maps.shape == (2, 16, 16)
    assert maps.dtype == np.float32


def test_names_are_those_of_the_functions(small, noise):
    classifier = small(precision="float32")
    for name in ("hires_cam", "grad_cam", "grad_cam++"):
        assert np.array_equal(
            maps_by(name, classifier, noise), grad_cam(classifier, noise, method=name)
        )
    assert np.array_equal(
        maps_by("occlusion", classifier, noise, 0), occlusion_map(classifier, noise, target=0)
    )


def test_other_names_are_refused(small, noise):
    with pytest.raises(ValueError, match=r"no method 'shap'. Choose from \['occlusion'"):
        maps_by("shap", small(), noise)


@pytest.fixture(
    scope="module",
    params=[
        CNNClassifier(filters=(4, 8)),
        CNNClassifier(filters=(), dense_units=(8,)),
        CNNClassifier(filters=(4, 8), residual=True, batch_norm=True),
        TransferClassifier("Brief", weights=None),
    ],
    ids=["cnn", "dense", "residual", "transfer"],
)
def fitted(request, xrays, brief_backbone):
    """Each kind of network, behind steps that resample and enhance."""
    network = clone(request.param).set_params(epochs=1, random_state=0)
    steps = ImageResampler("over", random_state=0), ImageLoader(size=32), ContrastEqualizer()
    return make_pipeline(*steps, network).fit(xrays.filenames, xrays.target)


@pytest.mark.parametrize("method", METHODS)
def test_every_network_is_explained_from_paths_or_raises_a_reason(method, fitted, xrays):
    paths = xrays.filenames[:2]
    if fitted[-1].get_params().get("filters") == () and "cam" in method:
        with pytest.raises(ValueError, match="Use occlusion_map, lime_map or integrated_grad"):
            maps_by(method, fitted, paths)
    else:
        maps = maps_by(method, fitted, paths)
        assert maps.shape == (2, 32, 32)
        assert np.isfinite(maps).all()
