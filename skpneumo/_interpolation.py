"""Find the rows that a synthetic row was interpolated from, which SMOTE does not report."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances

__all__ = ["find_sources"]

# One of the two sources is expected among this many nearest rows.
_N_NEAREST = 32
# Largest distance from the line by rounding, as a share of the length of the segment.
_TOLERANCE = 1e-3


def find_sources(
    synthetic: NDArray[np.floating], originals: NDArray[np.floating]
) -> list[tuple[int, ...] | None]:
    """Find the two rows whose line contains each synthetic row.

    Of three points on a line, the largest distance is the sum of the others. SMOTE and similar
    place a row on the segment between two rows of its class or, like SVMSMOTE, beyond one of its
    ends.

    Parameters
    ----------
    synthetic : ndarray of shape (n_synthetic, n_features)
        Synthetic rows.
    originals : ndarray of shape (n_originals, n_features)
        Original rows of their class.

    Returns
    -------
    sources : list of tuple of int, or None, length n_synthetic
        Rows of ``originals``: one if the new row equals it, otherwise two. None if the new row is
        not on a line between two rows.

    References
    ----------
    N. V. Chawla et al., SMOTE: synthetic minority over-sampling technique, JAIR 16, 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo._interpolation import find_sources
    >>> find_sources(np.array([[1.0, 1.0]]), np.array([[0.0, 0.0], [4.0, 4.0], [9.0, 0.0]]))
    [(0, 1)]
    """
    synthetic, originals = np.asarray(synthetic, np.float64), np.asarray(originals, np.float64)
    between = pairwise_distances(originals)
    to_originals = pairwise_distances(synthetic, originals)
    return [_ends(distances, between) for distances in to_originals]


def _ends(distances: NDArray[np.float64], between: NDArray[np.float64]) -> tuple[int, ...] | None:
    nearest = np.argsort(distances)[:_N_NEAREST]
    if distances[nearest[0]] <= _TOLERANCE * between[nearest[0]].max(initial=0):
        return (int(nearest[0]),)
    near, far, apart = distances[nearest, None], distances[None, :], between[nearest]
    largest = np.maximum(np.maximum(near, far), apart)
    off_the_line = (near + far + apart - 2 * largest) / np.where(apart > 0, apart, np.inf)
    off_the_line[apart == 0] = np.inf
    i, j = np.unravel_index(np.argmin(off_the_line), off_the_line.shape)
    if off_the_line[i, j] > _TOLERANCE:
        return None
    return tuple(sorted((int(nearest[i]), int(j))))
