"""The input gate of a fitted estimator."""

from typing import Any, NamedTuple

from skpneumo.fitted._members import is_gate, members_of, own_transformers, with_members


class InnerGate(NamedTuple):
    """The input gate of a fitted estimator.

    Attributes
    ----------
    gate : InputGate
        Withholds predictions for images unlike the training images.
    transformers : tuple of fitted transformers
        The transformers before it, in order.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skpneumo import make_pipeline
    >>> from skpneumo.decision import InputGate
    >>> from skpneumo.fitted import gate_of
    >>> X, y = [[0.0], [0.1], [1.0], [1.1]], [0, 0, 1, 1]
    >>> gated = InputGate(GaussianNB(), false_alarm_rate=0.5)
    >>> model = make_pipeline(StandardScaler(), gated).fit(X, y, inputgate__groups=range(4))
    >>> gate, transformers = gate_of(model)
    >>> gate.on_outlier, transformers
    ('warn', (StandardScaler(),))
    """

    gate: Any
    transformers: tuple[Any, ...]


def gate_of(estimator: Any) -> InnerGate | None:
    """Find the input gate of a fitted estimator.

    Parameters
    ----------
    estimator : fitted estimator
        Nested in any way. Of several gates, the outermost is found.

    Returns
    -------
    gate : InnerGate or None
        None if there is no gate, or only gates within the members of an ensemble.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skpneumo.decision import InputGate
    >>> from skpneumo.fitted import gate_of
    >>> X, y = [[0.0], [0.1], [1.0], [1.1]], [0, 0, 1, 1]
    >>> model = InputGate(LogisticRegression(), false_alarm_rate=0.5)
    >>> gate_of(model.fit(X, y, groups=range(4))).gate.checks_
    ['features']
    >>> gate_of(LogisticRegression().fit(X, y)) is None
    True
    """
    before: list[Any] = []
    while not is_gate(estimator):
        members = members_of(estimator)
        if len(members) != 1:
            return None
        before += own_transformers(estimator)
        estimator = members[0]
    return InnerGate(estimator, tuple(before))


def without_gate(estimator: Any) -> Any:
    """Remove the input gates of a fitted estimator.

    Parameters
    ----------
    estimator : fitted estimator
        Nested in any way.

    Returns
    -------
    ungated : fitted estimator
        Predicts what ``estimator`` predicts, but for every image. The fitted parts are shared; if
        there is no gate, this is ``estimator`` itself.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skpneumo.decision import InputGate
    >>> from skpneumo.fitted import without_gate
    >>> X, y = [[0.0], [0.1], [1.0], [1.1]], [0, 0, 1, 1]
    >>> model = InputGate(LogisticRegression(), false_alarm_rate=0.5)
    >>> without_gate(model.fit(X, y, groups=range(4)))
    LogisticRegression()
    """
    members = members_of(estimator)
    if is_gate(estimator):
        return without_gate(members[0])
    ungated = [without_gate(each) for each in members]
    if all(one is other for one, other in zip(ungated, members, strict=True)):
        return estimator
    return with_members(estimator, ungated)
