"""The positive class from names of many collections, and unclear names."""

import itertools

import numpy as np
import pytest

from skpneumo._positive_class import UndecidedPositiveError, positive_classes

# The illness first, the healthy class behind it.
PAIRS = [
    ("PNEUMONIA", "NORMAL"),
    ("Covid", "Non-Covid"),
    ("COVID", "Normal"),
    ("abnormal", "normal"),
    ("not normal", "normal"),
    ("Unhealthy", "Healthy"),
    ("infected", "uninfected"),
    ("Pneumonia", "No Finding"),
    ("Pneumonia", "No_Findings"),
    ("Pneumonia", "NoFinding"),
    ("Lung Opacity", "no lung opacity"),
    ("lung_opacity", "no_lung_opacity"),
    ("pneumonia", "not_pneumonia"),
    ("pneumonia", "notpneumonia"),
    ("PNEUMONIA", "NONPNEUMONIA"),
    ("PNEUMONIA", "NoPneumonia"),
    ("zebra", "nonzebra"),
    ("pneumonia", "without pneumonia"),
    ("pneumonia", "w/o pneumonia"),
    ("TB", "control_group"),
    ("sick", "well"),
    ("COVID-19 positive", "COVID-19 negative"),
    ("Typical Appearance", "Negative for Pneumonia"),
    ("tuberculosis", "tuberculosis-free"),
    ("pos", "neg"),
    ("positive", "class_a"),
    ("yes", "no"),
    ("Sim", "Não"),
    ("WAHR", "FALSCH"),
    ("vrai", "faux"),
    ("VERDADERO", "FALSO"),
    ("True", "False"),
    ("1", "0"),
    ("1_pneumonia", "0_normal"),
    ("Lungenentzündung", "Gesund"),
    ("Befund", "ohne Befund"),
    ("Pneumonie", "keine Pneumonie"),
    ("pneumonie", "sain"),
    ("neumonía", "sin neumonía"),
    ("polmonite", "sano"),
    ("pneumonia", "sem pneumonia"),
    ("longontsteking", "geen longontsteking"),
    ("zatürre", "sağlıklı"),
    ("пневмония", "норма"),
    ("пневмония", "без пневмонии"),
    ("肺炎", "正常"),
    ("肺炎", "无肺炎"),
    ("异常", "正常"),
    ("肺炎", "異常なし"),
    ("폐렴", "정상"),
    ("निमोनिया", "सामान्य"),
    (1, 0),
    (True, False),
    (1, -1),
    (2, 1),
    (1.0, 0.0),
]


@pytest.mark.parametrize(("ill", "healthy"), PAIRS)
def test_two_names_are_enough_in_any_order_and_case(ill, healthy):
    for change in (lambda name: name, str.upper, str.lower, str.title):
        pair = [change(each) if isinstance(each, str) else each for each in (ill, healthy)]
        for names in (pair, pair[::-1]):
            assert positive_classes(names) == ((pair[0],), (pair[1],))


@pytest.mark.parametrize(
    "names",
    [
        ("COVID", "TB"),
        ("A", "B"),
        ("normal", "control"),
        ("Lung Opacity", "No Lung Opacity / Not Normal"),
        ("no pneumonia", "no covid"),
        (1, 2, 3),
        ("1", "2"),
        ("1.0", "2.0"),
        ("1", "2", "5"),
        ("COVID", "Non-COVID", "Normal"),
        ("COVID", "TB", "cancer"),
        ("images", "masks"),
        ("real", "sim"),
        ("November", "noon"),
        ("N", "NORMAL"),
        ("Norm", "Normal", "Pneumonia"),
        ("n", "healthy", "Non-covid"),
    ],
)
def test_unclear_names_are_asked_about(names):
    for order in itertools.permutations(names):
        with pytest.raises(UndecidedPositiveError, match="Pass it as positive, such as") as caught:
            positive_classes(order)
        assert all(repr(name) in str(caught.value) for name in names)


@pytest.mark.parametrize(
    ("names", "healthy"),
    [
        (["BACTERIA", "NORMAL", "VIRUS"], "NORMAL"),
        (["COVID", "Lung_Opacity", "Normal", "Viral Pneumonia"], "Normal"),
        (["Negative for Pneumonia", "Typical", "Indeterminate", "Atypical"], None),
        (["Lung Opacity", "No Lung Opacity / Not Normal", "Normal"], "Normal"),
        ([0, 1, 2], 0),
        (["Pneumonia", "Pneumothorax", "no finding"], "no finding"),
    ],
)
def test_of_three_the_one_healthy_class_stands_against_the_rest(names, healthy):
    healthy = healthy or names[0]
    decided = positive_classes(names)
    assert decided.negative == (healthy,)
    assert decided.positive == tuple(name for name in names if name != healthy)
    assert str(decided) == " or ".join(str(name) for name in names if name != healthy)


@pytest.mark.parametrize(
    ("positive", "expected"),
    [
        ("TB", ("TB",)),
        (" tb ", ("TB",)),
        (["COVID", "TB"], ("COVID", "TB")),
        (("tb", "covid"), ("COVID", "TB")),
    ],
)
def test_the_given_class_is_positive(positive, expected):
    decided = positive_classes(["COVID", "Normal", "TB"], positive)
    assert decided.positive == expected
    assert set(decided.negative) == {"COVID", "Normal", "TB"} - set(expected)


def test_numbers_of_numpy_are_numbers():
    assert positive_classes(np.array([0, 1])) == ((1,), (0,))
    assert positive_classes(np.array(["b", "a"]), positive="a") == (("a",), ("b",))


@pytest.mark.parametrize(
    ("positive", "said"),
    [
        ("flu", r"The positive class 'flu' is none of the classes 'COVID', 'Normal'"),
        (["COVID", "Normal"], "leave no negative one"),
        ([], "No positive class is given"),
    ],
)
def test_invalid_positive_classes_are_refused(positive, said):
    with pytest.raises(ValueError, match=said):
        positive_classes(["COVID", "Normal"], positive)
