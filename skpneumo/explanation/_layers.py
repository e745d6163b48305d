"""A network's layers, those of the models nested in it included, as one graph."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import keras

from skpneumo.classifiers._programs import NetworkSpec

__all__ = ["FlatNetwork", "chosen_layers"]

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
        self.images = keras.Input(network.input_shape[1:])
        self.logits = self._run(network, self.images)

    def _run(self, model: keras.Model, inputs: Any) -> Any:
        return model._run_through_graph(inputs, call_fn=self._call)

    def _call(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, keras.Model):
            return self._run(layer, args[0])
        self.outputs[layer.name] = output = layer(*args, **kwargs)
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
            if isinstance(output._keras_history.operation, _CONVOLUTIONS):
                convolved.add(resolution)
            if resolution in convolved and len(output.shape) == 4:
                last.pop(resolution, None)
                last[resolution] = name
        return list(last.values())


@lru_cache(maxsize=32)
def chosen_layers(spec: NetworkSpec, names: Sequence[str] | None) -> tuple[str, ...]:
    """Check that these layers have maps; by default choose one of each resolution.

    Raises
    ------
    ValueError
        If there is no such layer, its output is no map, or the network has no convolution.
    """
    flat = FlatNetwork(spec.build(0))
    maps = [name for name, output in flat.outputs.items() if len(output.shape) == 4]
    if names is None:
        chosen = flat.by_resolution()
        if not chosen:
            raise ValueError(
                "The network has no convolution, and so no feature maps: it is a dense one. "
                "Use occlusion_map, lime_map or integrated_gradients."
            )
        return tuple(chosen)
    for name in names:
        if name not in maps:
            raise ValueError(f"The network has no layer {name!r} with maps; it has {maps}.")
    return tuple(names)
