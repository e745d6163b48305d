"""Find the layers of a network, including those of nested models."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import keras

from skpneumo._messages import by_interface
from skpneumo._settings import pinned
from skpneumo.classifiers.engine import NetworkSpec

__all__ = ["FlatNetwork", "chosen_layers", "deepest_map"]

# A map with fewer cells per side cannot localise anything in a chest.
_LEAST_SIDE = 4

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)


class FlatNetwork:
    """A network whose nested models have been replaced by their layers.

    The output of a layer inside a nested model is not a tensor of the outer model; here it is.

    Parameters
    ----------
    network : keras.Model
        A functional model with one input and one output. Its weights are shared.

    Attributes
    ----------
    network : keras.Model
        The given network.
    images, logits : KerasTensor
        Input and output.
    outputs : dict of str to KerasTensor
        The output of each layer, in the order of computation.
    """

    def __init__(self, network: keras.Model) -> None:
        self.network = network
        self.outputs: dict[str, Any] = {}
        self._convolutions: set[str] = set()
        self.images = keras.Input(network.input_shape[1:])
        self.logits = self._run(network, self.images)

    def _run(self, model: keras.Model, images: Any) -> Any:
        """Call the layers of a model on other images; the clone shares them, and is discarded."""
        keras.models.clone_model(
            model,
            input_tensors=images,
            clone_function=lambda layer: layer,
            call_function=self._call,
        )
        # Not the clone's output: if the images are not an input, Keras clones its graph once more.
        return next(reversed(self.outputs.values()))

    def _call(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, keras.Model):
            return self._run(layer, args[0])
        self.outputs[layer.name] = output = layer(*args, **kwargs)
        if isinstance(layer, _CONVOLUTIONS):
            self._convolutions.add(layer.name)
        return output

    def by_resolution(self) -> list[str]:
        """Name the last layer of each resolution that has a convolution.

        This is the last convolution, after its normalisation, addition and activation, and before
        pooling.
        """
        last: dict[Any, str] = {}
        convolved = set()
        for name, output in self.outputs.items():
            resolution = output.shape[1:-1]
            if name in self._convolutions:
                convolved.add(resolution)
            if resolution in convolved and len(output.shape) == 4:
                last.pop(resolution, None)
                last[resolution] = name
        return list(last.values())


def chosen_layers(spec: NetworkSpec, names: Sequence[str] | None) -> tuple[str, ...]:
    """Check that layers have feature maps; by default choose one of each resolution.

    Raises
    ------
    ValueError
        If there is no such layer, its output is not a map, or the network has no convolution.
    """
    maps, by_resolution = _maps_of(spec)
    if names is None:
        if not by_resolution:
            raise ValueError(
                "The network is dense: it has no convolution, and so no feature maps. Use "
                + by_interface(
                    python="occlusion_map, lime_map or integrated_gradients.",
                    shell="--method occlusion, lime or integrated_gradients.",
                )
            )
        return by_resolution
    for name in names:
        if name not in maps:
            raise ValueError(
                f"The network has no layer {name!r} with feature maps. Choose from {list(maps)}."
            )
    return tuple(names)


def deepest_map(spec: NetworkSpec) -> str:
    """Name the last convolution whose maps are fine enough to localise something.

    If there is none, this is the last convolution.
    """
    names = chosen_layers(spec, None)
    sides, _ = _maps_of(spec)
    return next((name for name in reversed(names) if sides[name] >= _LEAST_SIDE), names[-1])


@lru_cache(maxsize=32)
@pinned
def _maps_of(spec: NetworkSpec) -> tuple[dict[str, int], tuple[str, ...]]:
    """Compute the shorter side of the maps of each layer, and the last layer by resolution."""
    flat = FlatNetwork(spec.build(0))
    sides = {
        name: min(output.shape[1:-1])
        for name, output in flat.outputs.items()
        if len(output.shape) == 4
    }
    return sides, tuple(flat.by_resolution())
