"""The shapes of a network's weights, before any of them takes memory."""

from concurrent.futures import ThreadPoolExecutor

import keras

from skpneumo.classifiers.engine._compiled import NetworkSpec

__all__ = ["weight_shapes"]


def weight_shapes(spec: NetworkSpec) -> list[tuple[int, ...]]:
    """Build a network without values for its variables, and list the shapes of its weights.

    Parameters
    ----------
    spec : NetworkSpec
        The network.

    Returns
    -------
    shapes : list of tuple of int
        In the order of ``network.get_weights()``.
    """

    def shapes() -> list[tuple[int, ...]]:
        # The variables stay without values, which Keras would give them at the end of the next
        # scope of this thread; there is none.
        with keras.StatelessScope(initialize_variables=False):
            return [tuple(weight.shape) for weight in spec.build(0).weights]

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(shapes).result()
