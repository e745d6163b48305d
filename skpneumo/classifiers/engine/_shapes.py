"""Determine the shapes of the weights of a network without allocating them."""

from concurrent.futures import ThreadPoolExecutor

import keras

from skpneumo.classifiers.engine._compiled import NetworkSpec

__all__ = ["weight_shapes"]


def weight_shapes(spec: NetworkSpec) -> list[tuple[int, ...]]:
    """Return the shapes of the weights of a network, built without values for its variables.

    Parameters
    ----------
    spec : NetworkSpec
        Description of the network.

    Returns
    -------
    shapes : list of tuple of int
        In the order of ``network.get_weights()``.
    """

    def shapes() -> list[tuple[int, ...]]:
        # Keras would initialise the variables at the end of the next scope in this thread, so the
        # thread is not used again.
        with keras.StatelessScope(initialize_variables=False):
            return [tuple(weight.shape) for weight in spec.build(0).weights]

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(shapes).result()
