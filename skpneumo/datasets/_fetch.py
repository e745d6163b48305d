"""Download and load the published collection."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path

from sklearn.utils import Bunch

from skpneumo._files import temporary_folder
from skpneumo._paths import refuse_empty_path
from skpneumo._sklearn import Interval, validate_parameter_constraints
from skpneumo.datasets._archive import unpack
from skpneumo.datasets._collection import Labels
from skpneumo.datasets._download import MIRRORS, N_BYTES, SHA256, Mirror, download
from skpneumo.datasets._folders import scan
from skpneumo.datasets._load import LABELS, load_chest_xray


def fetch_chest_xray(
    data_home: str | os.PathLike[str] | None = None,
    *,
    split: str | Sequence[str] | None = None,
    labels: Labels = "binary",
    download_if_missing: bool = True,
    n_retries: int = 3,
    delay: float = 1.0,
    url: str | None = None,
    sha256: str | None = None,
) -> Bunch:
    """Load the published chest X-rays, downloading them if necessary.

    These are 5,856 images [1]_ [2]_, 5,232 of them (3,669 patients, by the names of the files) for
    training and 624 for testing. The download of 1.2 GB happens once.

    The archive is downloaded to a temporary folder, compared with its checksum, unpacked there,
    and only then moved to where later calls find it. An interrupted call therefore never leaves
    an incomplete collection behind; the next call starts from scratch. Once the images are there,
    the network is not used.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder in which downloads are saved. None is the folder of scikit-learn, by default
        ``~/scikit_learn_data``.
    split : {"train", "test"}, list of these or None, default=None
        The splits to load. This release has no ``val``.
    labels : {"binary", "etiology"}, default="binary"
        The classes, as in :func:`load_chest_xray`.
    download_if_missing : bool, default=True
        If False, raise an OSError when the images are not there instead of downloading them.
    n_retries : int, default=3
        How often a broken connection is tried again, for each mirror.
    delay : float, default=1.0
        Seconds between tries.
    url : str or None, default=None
        Where to download the archive from instead of the mirrors known to the package: a copy
        of your own, or another zip archive whose ``sha256`` you give.
    sha256 : str or None, default=None
        The SHA-256 of that archive in hexadecimal. None expects the published archive.

    Returns
    -------
    xrays : :class:`~sklearn.utils.Bunch`
        As from :func:`load_chest_xray`.

    Raises
    ------
    OSError
        If the images are not there and ``download_if_missing`` is False, if the archive is not
        the one expected, or if the disk is full.
    ConnectionError
        If no mirror could be reached. It is a subclass of OSError.

    See Also
    --------
    load_chest_xray : Read a copy that you already have, such as the one from Kaggle.
    make_chest_xray : Generate synthetic images instead.

    References
    ----------
    .. [1] D. S. Kermany, M. Goldbaum, W. Cai et al., "Identifying Medical Diagnoses and Treatable
       Diseases by Image-Based Deep Learning", Cell 172(5), 2018.
       https://doi.org/10.1016/j.cell.2018.02.010
    .. [2] D. Kermany, K. Zhang, M. Goldbaum, "Labeled Optical Coherence Tomography (OCT) and
       Chest X-Ray Images for Classification", Mendeley Data, version 2, 2018.
       https://doi.org/10.17632/rscbjbr9sj.2 (CC BY 4.0)

    Examples
    --------
    >>> from skpneumo.datasets import fetch_chest_xray
    >>> train = fetch_chest_xray(split="train")  # doctest: +SKIP
    >>> len(train.filenames)  # doctest: +SKIP
    5232
    """
    validate_parameter_constraints(
        {
            "data_home": [str, os.PathLike, None],
            "labels": [LABELS],
            "download_if_missing": ["boolean"],
            "n_retries": [Interval(Integral, 0, None, closed="left")],
            "delay": [Interval(Real, 0, None, closed="left")],
            "url": [str, None],
            "sha256": [str, None],
        },
        locals(),
        caller_name="fetch_chest_xray",
    )
    from sklearn.datasets import get_data_home

    mirrors = _mirrors(url, sha256)
    # Named by its content, so that archives with different content have different folders.
    refuse_empty_path(data_home, "data_home")
    home = Path(get_data_home(data_home)) / f"chest_xray-{mirrors[0].sha256[:12]}"
    if not home.is_dir():
        if not download_if_missing:
            raise OSError(
                f"The chest X-rays are not in {os.fspath(home)!r}, and download_if_missing is "
                "False. Set it to True, or pass the folder that contains them as data_home."
            )
        _install(home, mirrors, n_retries, delay)
    return load_chest_xray(home, split=split, labels=labels)


def _mirrors(url: str | None, sha256: str | None) -> Sequence[Mirror]:
    if url is None and sha256 is None:
        return MIRRORS
    if url is None:
        raise ValueError("sha256 was given without the url of the archive it belongs to.")
    if not url.startswith(("http://", "https://")):
        raise ValueError(
            f"url must begin with http:// or https://, got {url!r}. Unpack a file that you "
            "already have and read it with load_chest_xray."
        )
    if sha256 is None:
        return (Mirror(url, url, SHA256, N_BYTES),)
    digest = sha256.strip().lower()
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise ValueError(f"sha256 must be 64 hexadecimal digits, got {sha256!r}.")
    return (Mirror(url, url, digest, 0),)


def _install(home: Path, mirrors: Sequence[Mirror], n_retries: int, delay: float) -> None:
    """Download and unpack next to the final folder, then move the result there in one step."""
    with (
        temporary_folder(home.parent, home.name) as scratch,
        _explained_if_full(home.parent),
    ):
        archive = download(mirrors, scratch, n_retries, delay)
        unpacked = scratch / "unpacked"
        unpack(archive, unpacked)
        if not scan(unpacked).images:
            raise OSError(
                f"The archive from {mirrors[0].url} has the expected checksum but holds no images "
                "in class folders. Check the url."
            )
        try:
            unpacked.rename(home)
        except OSError:
            if not home.is_dir():  # otherwise another process has just installed it
                raise


@contextmanager
def _explained_if_full(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise OSError(
            errno.ENOSPC,
            "The disk is full; what was downloaded has been removed. Downloading and unpacking "
            f"the chest X-rays takes 2.5 GB. Make room, or name another data_home "
            f"({error.strerror})",
            os.fspath(folder),
        ) from error
