"""A network's layers, those of the models nested in it included, as one graph."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import keras

from skpneumo._settings import pinned
from skpneumo.classifiers.engine import NetworkSpec

__all__ = ["FlatNetwork", "chosen_layers", "deepest_map"]

# A map of fewer cells a side than this cannot say where in a chest something lies.
_LEAST_SIDE = 4

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)


class FlatNetwork:
    """A network whose nested models have been replaced by their layers.

    The output of a layer inside a nested model is no tensor of the outer one; here it is.

    Parameters
    ----------
    network : keras.Model
        A functional model of one input and one output. Its weights are shared.

    Attributes
    ----------
    network : keras.Model
        As given.
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
        """Call the layers of a model on other images; the clone shares them, and is dropped."""
        keras.models.clone_model(
            model,
            input_tensors=images,
            clone_function=lambda layer: layer,
            call_function=self._call,
        )
        # Not the clone's output: where the images are no input, Keras clones its graph once more.
        return next(reversed(self.outputs.values()))

    def _call(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, keras.Model):
            return self._run(layer, args[0])
        self.outputs[layer.name] = output = layer(*args, **kwargs)
        if isinstance(layer, _CONVOLUTIONS):
            self._convolutions.add(layer.name)
        return output

    def by_resolution(self) -> list[str]:
        """Name the last layer of each resolution at which there is a convolution.

        It is that resolution's last convolution after its normalisation, addition and
        activation, and before what pools it.
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
    """Check that these layers have maps; by default choose one of each resolution.

    Raises
    ------
    ValueError
        If there is no such layer, its output is no map, or the network has no convolution.
    """
    maps, by_resolution = _maps_of(spec)
    if names is None:
        if not by_resolution:
            raise ValueError(
                "The network has no convolution, and so no feature maps: it is a dense one. "
                "Use occlusion_map, lime_map or integrated_gradients."
            )
        return by_resolution
    for name in names:
        if name not in maps:
            raise ValueError(f"The network has no layer {name!r} with maps; it has {list(maps)}.")
    return tuple(names)


def deepest_map(spec: NetworkSpec) -> str:
    """Name the last layer with a convolution's maps that are fine enough to tell places apart.

    If none are, it is the last one of all.
    """
    names = chosen_layers(spec, None)
    sides, _ = _maps_of(spec)
    return next((name for name in reversed(names) if sides[name] >= _LEAST_SIDE), names[-1])


@lru_cache(maxsize=32)
@pinned
def _maps_of(spec: NetworkSpec) -> tuple[dict[str, int], tuple[str, ...]]:
    """The shorter side of each layer's maps by its name, and the last layer of each resolution."""
    flat = FlatNetwork(spec.build(0))
    sides = {
        name: min(output.shape[1:-1])
        for name, output in flat.outputs.items()
        if len(output.shape) == 4
    }
    return sides, tuple(flat.by_resolution())
