"""Decide which class is positive from the names of all classes.

Names are read in five steps: they are split into words; each word is looked up among those that
mean healthy, ill or "not"; a "not" reverses the meaning of the word that it belongs to; the name
is then healthy, negated, ill or unknown; and the only healthy class is negative. If this does not
determine the classes, an error asks for the choice.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any, NamedTuple

from skpneumo._formatting import quoted
from skpneumo._messages import by_interface

__all__ = [
    "PositiveClasses",
    "UndecidedPositiveError",
    "is_class_word",
    "is_healthy_name",
    "positive_classes",
    "says_its_class",
    "unaccented",
]


class UndecidedPositiveError(ValueError):
    """The names of the classes do not show which of them is positive.

    Attributes
    ----------
    classes : tuple
        The classes to choose from.
    """

    def __init__(self, message: str, classes: Iterable[Any] = ()) -> None:
        super().__init__(message)
        self.classes = tuple(classes)


class PositiveClasses(NamedTuple):
    """The positive and the negative classes."""

    positive: tuple[Any, ...]
    negative: tuple[Any, ...]

    def __str__(self) -> str:
        return " or ".join(map(str, self.positive))


def positive_classes(classes: Iterable[Any], positive: Any = None) -> PositiveClasses:
    """Decide which classes are positive.

    Parameters
    ----------
    classes : iterable of str, int or bool
        All classes. Numbers are read like the labels of this package, where 0 is healthy; of two
        numbers, the greater is the illness, as in scikit-learn. Of two positive numbers as text,
        which come from tables and folders, neither is.
    positive : str, int, list of these or None, default=None
        The class or classes of the illness; case and spaces do not matter. By default read from
        the names.

    Returns
    -------
    decided : PositiveClasses
        Both parts in the given order; as text, the name of the illness.

    Raises
    ------
    UndecidedPositiveError
        If ``positive`` is None and the names do not show it. It is a ValueError.
    ValueError
        If a class of ``positive`` does not exist, or no other class is left.

    Examples
    --------
    >>> from skpneumo._positive_class import positive_classes
    >>> positive_classes(["Covid", "Non-Covid"])
    PositiveClasses(positive=('Covid',), negative=('Non-Covid',))
    >>> str(positive_classes(["BACTERIA", "NORMAL", "VIRUS"]))
    'BACTERIA or VIRUS'
    >>> positive_classes(["COVID", "TB"])
    Traceback (most recent call last):
        ...
    skpneumo._positive_class.UndecidedPositiveError: Which of the classes 'COVID', 'TB' is ...
    """
    listed = [each.item() if hasattr(each, "item") else each for each in classes]
    if positive is not None:
        return _as_asked(listed, positive)
    negative = _negative_number(listed)
    if negative is None:
        negative = _negative_name([str(each) for each in listed])
    return PositiveClasses(
        tuple(each for i, each in enumerate(listed) if i != negative), (listed[negative],)
    )


def is_class_word(name: str) -> bool:
    """Tell whether a folder with this name sounds like a class, whatever the other folders."""
    words = [word for word in _words(name) if not word.isdigit()]
    known = _ONE_WORD | _FINDINGS | _NOT_BEFORE | _NOT_BEHIND | _ETIOLOGIES
    return bool(words) and all(set(_without_prefix(word, known)) <= known for word in words)


def is_healthy_name(name: str) -> bool:
    """Tell whether a name is nothing but words for healthy, unlike "normal or pneumonia"."""
    return _words(name) in _HEALTHY


def says_its_class(name: str) -> bool:
    """Tell whether a folder has the name of a class: known words, or words for healthy or ill.

    Examples
    --------
    >>> from skpneumo._positive_class import says_its_class
    >>> [says_its_class(name) for name in ("Viral Pneumonia", "Non-Covid", "documents")]
    [True, True, False]
    """
    words = _words(name)
    return is_class_word(name) or _said_by(words, _ONE_WORD | _FINDINGS) != "unknown"


def _as_asked(listed: list[Any], positive: Any) -> PositiveClasses:
    wanted = list(positive) if isinstance(positive, (list, tuple, set)) else [positive]
    folded = {_one_spelling(each): i for i, each in enumerate(listed)}
    chosen = set()
    for each in wanted:
        if each in listed:
            chosen.add(listed.index(each))
        elif _one_spelling(each) in folded:
            chosen.add(folded[_one_spelling(each)])
        else:
            raise ValueError(
                f"The positive class {each!r} is none of the classes {quoted(listed)}. Name one "
                "or more of these."
            )
    if not chosen:
        raise ValueError(
            f"No positive class is given. Name one or more of the classes {quoted(listed)}."
        )
    if len(chosen) == len(listed):
        raise ValueError(
            f"The positive classes {quoted(wanted)} leave no negative one, because the classes "
            f"are {quoted(listed)}. Name only classes that are the illness."
        )
    return PositiveClasses(
        tuple(each for i, each in enumerate(listed) if i in chosen),
        tuple(each for i, each in enumerate(listed) if i not in chosen),
    )


def _one_spelling(name: Any) -> str:
    return " ".join(str(name).split()).casefold()


def _negative_number(listed: list[Any]) -> int | None:
    """Find the index of the healthy number; None if not all classes are numbers."""
    try:
        values = [float(each) for each in listed]
    except (TypeError, ValueError):
        return None
    if len(values) == 2 and min(values) > 0 and any(isinstance(each, str) for each in listed):
        # Of a table of answers, where 1 is often yes and 2 is no.
        raise _undecided(listed, "Numbers that do not begin at 0 may stand for yes and no")
    if len(values) == 2 or sorted(values) == list(range(len(values))):
        return values.index(min(values))
    raise _undecided(listed, "Their numbers do not begin at 0")


def _negative_name(names: list[str]) -> int:
    """Find the index of the only healthy class."""
    split = [_words(name) for name in names]
    said = [_said_by(words, _vocabulary(split, own=i)) for i, words in enumerate(split)]
    healthy, negated = said.count("healthy"), said.count("negated")
    if short := _abbreviated(names, said):
        raise _undecided(names, f"{short[0]!r} may be short for {short[1]!r}")
    if healthy == 1 and negated == 0:
        return said.index("healthy")
    if healthy == 0 and negated == 1:
        return said.index("negated")
    if healthy == negated == 0 and said.count("ill") == len(names) - 1 > 0:
        return said.index("unknown")
    if healthy + negated > 1:
        both = [name for name, each in zip(names, said, strict=True) if each in _NOT_ILL]
        raise _undecided(names, f"{' and '.join(map(repr, both))} both sound healthy")
    raise _undecided(names, "Their names do not tell")


def _abbreviated(names: list[str], said: list[str]) -> tuple[str, str] | None:
    """Find a name that may be short for a healthy one of one word, such as N beside NORMAL."""
    unclear = [name for name, each in zip(names, said, strict=True) if each == "unknown"]
    healthy = [name for name, each in zip(names, said, strict=True) if each in _NOT_ILL]
    pairs = [(short, name) for short in unclear for name in healthy if len(_words(name)) == 1]
    return next(
        (each for each in pairs if unaccented(each[1]).startswith(unaccented(each[0]))), None
    )


_NOT_ILL = ("healthy", "negated")


def _undecided(classes: list[Any], reason: str) -> UndecidedPositiveError:
    one = str(classes[-1] if classes else "NAME")
    return UndecidedPositiveError(
        f"Which of the classes {quoted(classes)} is the illness? {reason}. "
        + by_interface(
            python=f"Pass it as positive, such as positive={one!r}, or a list of several.",
            shell=f'Name it with --positive "{one}", or whichever it is.',
        ),
        classes,
    )


def unaccented(text: str) -> str:
    """Convert to lower case without accents of Latin letters; other scripts keep theirs."""
    apart = unicodedata.normalize("NFKD", text).casefold().replace("ı", "i")
    return unicodedata.normalize("NFC", re.sub("[\u0300-\u036f]", "", apart))


def _words(name: str) -> tuple[str, ...]:
    """Split a name into words, also in CamelCase; numbers are separate words."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    apart = re.sub(r"\bw/o\b", "without", apart, flags=re.IGNORECASE)
    return tuple(re.findall(r"[^\W\d_]+|\d+|[+]", unaccented(apart)))


def _phrases(*phrases: str) -> frozenset[tuple[str, ...]]:
    return frozenset(_words(phrase) for phrase in phrases)


# Words that make a name healthy anywhere in it. Phrases are several consecutive words.
_HEALTHY = _phrases(
    "normal", "normals", "healthy", "negative", "neg", "control", "controls", "benign", "clear",
    "well", "unremarkable", "asymptomatic",
    "no finding", "no findings", "no abnormality", "no abnormalities", "no disease", "no illness",
    "no abnormal findings", "without finding", "without findings", "disease free",
    "gesund", "gesunde", "gesunder", "unauffällig", "ohne Befund", "kein Befund", "negativ",
    "sain", "sains", "saine", "normale", "normaux", "négatif", "sans anomalie", "témoin",
    "sano", "sanos", "sana", "normales", "negativo", "negativa", "sin hallazgos", "saludable",
    "sani", "normali", "senza reperti", "saudável", "saudáveis", "normais", "sem achados",
    "gezond", "normaal", "negatief", "zdrowy", "zdrowi", "zdrowe", "norma", "friskt", "frisk",
    "sağlıklı", "sağlam", "negatif", "normaalne", "bình thường", "khỏe mạnh",
    "норма", "нормальный", "нормальные", "здоровый", "здоровые", "здоров", "отрицательный",
    "طبيعي", "سليم", "सामान्य", "स्वस्थ",
)  # fmt: skip
_ILL = _phrases(
    "abnormal", "abnormality", "positive", "pos", "sick", "ill", "illness", "disease", "diseased",
    "infected", "affected", "pathological", "pathology",
    "krank", "kranke", "positiv", "auffällig", "malade", "malades", "positif", "enfermo",
    "enfermos", "positivo", "positiva", "malato", "malati", "doente", "doentes", "ziek", "chory",
    "chorzy", "hasta", "pozitif", "больной", "больные", "положительный",
)  # fmt: skip
# Complete names of classes.
_HEALTHY_ALONE = _phrases(
    "no", "false", "none", "nothing", "nein", "non", "nil", "não", "нет", "hayır",
    "falsch", "faux", "falso",
)  # fmt: skip
# Words for "yes" and "true" with another meaning are left out: the other word of the pair decides.
_ILL_ALONE = _phrases("yes", "true", "ja", "oui", "si", "sí", "да", "evet", "+")

# The denied word comes after the first, and before the second.
_NOT_BEFORE = frozenset(
    _words(
        "no not non none without wo un nil never lacking lacks "
        "kein keine keinen ohne nicht sans pas aucun aucune sin ningun ninguna senza nessun "
        "nessuna sem nao não nenhum nenhuma geen zonder niet bez brak nie не без нет không"
    )
)
_NOT_BEHIND = frozenset(_words("free absent excluded yok olmayan değil negative"))

# Prefixes of the denied word, as in NONPNEUMONIA and unhealthy.
_PREFIXES = ("non", "not", "no", "un")
_FINDINGS = frozenset(
    _words(
        "pneumonia covid tb tuberculosis opacity opacities finding findings infection effusion "
        "infiltrate infiltrates infiltration consolidation disease cancer nodule cardiomegaly "
        "edema oedema atelectasis pneumothorax emphysema fibrosis fracture asthma bronchitis "
        "influenza sars mers"
    )
)
_ETIOLOGIES = frozenset(_words("bacteria bacterial virus viral lung for the"))
_LONGEST = max(map(len, _HEALTHY | _ILL))
_ONE_WORD = frozenset(phrase[0] for phrase in _HEALTHY | _ILL if len(phrase) == 1)

# Scripts without spaces between words.
_UNSPACED_HEALTHY = ("正常", "健康", "阴性", "陰性", "異常なし", "异常无", "정상", "음성", "건강")
_UNSPACED_ILL = ("不正常", "非正常", "不健康", "异常", "異常", "阳性", "陽性", "비정상", "양성")
_UNSPACED_NOT = ("无", "無", "非", "没有", "沒有", "未")


def _vocabulary(split: list[tuple[str, ...]], own: int) -> frozenset[str]:
    """Collect the words that can have a prefix: those of the other classes, and common ones."""
    others = {word for i, words in enumerate(split) if i != own for word in words}
    return _ONE_WORD | _FINDINGS | others


def _said_by(words: tuple[str, ...], vocabulary: frozenset[str]) -> str:
    """Classify a name as healthy, negated, ill or unknown."""
    if words in _HEALTHY_ALONE:
        return "healthy"
    if words in _ILL_ALONE:
        return "ill"
    words = tuple(part for word in words for part in _without_prefix(word, vocabulary))
    votes = {*_votes(words), *_unspaced_votes("".join(words))}
    if "ill" in votes and len(votes) > 1:
        return "unknown"  # such as "No Lung Opacity / Not Normal"
    for each in ("healthy", "negated", "ill"):
        if each in votes:
            return each
    return "unknown"


def _without_prefix(word: str, vocabulary: frozenset[str]) -> tuple[str, ...]:
    """Split a prefix that denies off a word of the vocabulary, as in "nonpneumonia"."""
    if word in _ONE_WORD:
        return (word,)
    for prefix in _PREFIXES:
        if word.startswith(prefix) and word[len(prefix) :] in vocabulary:
            return prefix, word[len(prefix) :]
    return (word,)


def _votes(words: tuple[str, ...]) -> Iterable[str]:
    """Classify each phrase of a name as healthy, negated or ill; others are left out."""
    at = 0
    while at < len(words):
        length = _longest(words, at, _HEALTHY)
        if length:
            yield "ill" if _is_denied(words, at, at + length) else "healthy"
        elif length := _longest(words, at, _ILL):
            yield "negated" if _is_denied(words, at, at + length) else "ill"
        elif words[at] in _NOT_BEFORE and at + 1 < len(words):
            # A phrase for healthy or ill is judged in its turn, with this word before it.
            if not (_longest(words, at + 1, _HEALTHY) or _longest(words, at + 1, _ILL)):
                yield "negated"
        elif words[at] in _NOT_BEHIND and at > 0:
            yield "negated"
        at += length or 1


def _longest(words: tuple[str, ...], at: int, phrases: frozenset[tuple[str, ...]]) -> int:
    """Count the words of the longest phrase at this position; 0 if there is none."""
    most = min(_LONGEST, len(words) - at)
    return next((n for n in range(most, 0, -1) if words[at : at + n] in phrases), 0)


def _is_denied(words: tuple[str, ...], begin: int, end: int) -> bool:
    """Tell whether a word that denies is next to a phrase."""
    before = begin > 0 and words[begin - 1] in _NOT_BEFORE
    behind = end < len(words) and words[end] in _NOT_BEHIND
    return before or behind


def _unspaced_votes(text: str) -> Iterable[str]:
    """Classify a name in a script without spaces, as :func:`_votes` does."""
    for ill in _UNSPACED_ILL:
        if ill in text and not text.startswith(_UNSPACED_NOT) and "なし" not in text:
            yield "ill"
            return
    if any(healthy in text for healthy in _UNSPACED_HEALTHY):
        yield "healthy"
    elif text.startswith(_UNSPACED_NOT) or text.endswith(("なし", "없음")):
        yield "negated"
