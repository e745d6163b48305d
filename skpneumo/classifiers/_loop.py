"""Several training steps in one execution.

A GPU takes a step in less time than Python needs to start one. A processor does not, and XLA runs
convolutions within a loop on one of its cores only.
"""

from itertools import chain
from typing import Any

import keras
import numpy as np

from skpneumo.classifiers._resident import ResidentRows

__all__ = ["JaxLoop", "loop_if_it_pays"]


class JaxLoop:
    """A compiled model that takes up to ``n_steps`` at once.

    How many it takes is no part of the graph, so that what is left at the end of an epoch needs
    no program of its own.
    """

    n_steps = 8

    def __init__(self, model: keras.Model) -> None:
        import jax

        self._model = model
        names = [variable.name for variable in model.optimizer.variables]
        self._place_of_rate = names.index("learning_rate") if "learning_rate" in names else None
        self._run = jax.jit(self._steps, donate_argnums=0)

    def __call__(self, batches: list[Any], rates: list[float] | None) -> Any:
        """Train on batches of one size; give their mean loss, computed or not yet."""
        import jax
        from jax import numpy as jnp

        model, optimizer = self._model, self._model.optimizer
        groups = (
            model.trainable_variables,
            model.non_trainable_variables,
            optimizer.variables,
            model.metrics_variables,
        )
        model.reset_metrics()
        missing = self.n_steps - len(batches)
        resident = None
        if isinstance(batches[0][0][0], ResidentRows):  # taken there, within the loop
            resident = batches[0][0][0].images
            batches = [([first.rows, *more], *labels) for (first, *more), *labels in batches]
        padded = [*batches, *[batches[-1]] * missing]
        stacked = jax.tree.map(lambda *parts: np.stack(parts), *padded)
        if rates is not None:
            at = jnp.asarray([*rates, *[0.0] * missing], "float32")
        elif self._place_of_rate is not None:
            at = jnp.full(self.n_steps, optimizer.learning_rate.value)
        else:
            at = None
        state = tuple([variable.value for variable in group] for group in groups)
        state, loss = self._run(state, resident, stacked, at, len(batches))
        for variable, value in zip(chain(*groups), chain(*state), strict=True):
            variable.assign(value)
        return loss

    def _steps(self, state: Any, resident: Any, batches: Any, rates: Any, n: Any) -> Any:
        import jax
        from jax import numpy as jnp

        def step(i: Any, carried: Any) -> Any:
            trained, others, optimizer, metrics = carried[0]
            if self._place_of_rate is not None:
                optimizer[self._place_of_rate] = rates[i]
            (images, *more), *labels = jax.tree.map(lambda stack: stack[i], batches)
            if resident is not None:
                images = resident[images]
            batch = ([images, *more], *labels)
            # Keras's mean over all steps since the metrics were reset.
            logs, state = self._model.train_step((trained, others, optimizer, metrics), batch)
            return tuple(map(list, state)), logs["loss"]

        return jax.lax.fori_loop(0, n, step, (state, jnp.zeros(())))


def loop_if_it_pays(model: keras.Model) -> JaxLoop | None:
    """Give a loop over a model's steps where the backend has one and runs on a GPU."""
    if keras.backend.backend() != "jax":
        return None
    import jax

    return None if jax.default_backend() == "cpu" else JaxLoop(model)
