"""Turning cells of a table into classes."""

import numpy as np
import pytest

from skpneumo._messages import command_line_messages
from skpneumo._positive_class import UndecidedPositiveError
from skpneumo.datasets._table_labels import (
    read_labels,
    remarks_on_uncertain,
    uncertain_rows,
)


def labels_of(*cells, column="finding", positive=None, separator="|"):
    return read_labels(np.array(cells, dtype=object), column, positive, separator)


def test_spellings_that_differ_in_case_or_space_are_one_class_and_are_reported():
    labels = labels_of("Pneumonia", "pneumonia", "No  Finding", "No Finding", "Pneumonia")
    assert labels.names == ["No  Finding", "Pneumonia"]
    assert labels.target.tolist() == [1, 1, 0, 0, 1]
    assert labels.remarks == [
        "The label 'Pneumonia' is spelled in 2 ways, 'Pneumonia' (2 rows), 'pneumonia' (1 row); "
        "they are treated as one.",
        "The label 'No  Finding' is spelled in 2 ways, 'No  Finding' (1 row), 'No Finding' "
        "(1 row); they are treated as one.",
    ]


@pytest.mark.parametrize(
    ("positive", "target", "names"),
    [
        ("pneumonia", [1, 0, 0, 1], ["not Pneumonia", "Pneumonia"]),
        (["Pneumonia", "effusion"], [1, 0, 1, 1], ["No Finding", "Pneumonia or Effusion"]),
        (lambda found: len(found) > 1, [1, 0, 0, 0], ["negative", "positive"]),
    ],
)
def test_several_findings_are_matched_by_positive(positive, target, names):
    labels = labels_of(
        "Effusion|Pneumonia", "No Finding", "Effusion", "Pneumonia", positive=positive
    )
    assert labels.target.tolist() == target
    assert labels.names == names
    assert labels.positive == names[1:]


def test_a_function_names_its_class_and_decides_on_empty_cells():
    def pneumonia(found):
        return "1.0" in found

    labels = labels_of("1.0", "", "-1.0", positive=pneumonia)
    assert labels.target.tolist() == [1, 0, 0]
    assert labels.names == ["not pneumonia", "pneumonia"]


def test_several_findings_need_positive():
    with pytest.raises(ValueError, match=r"several findings, such as 'A\|B'.*positive="):
        labels_of("A|B", "No Finding")
    with pytest.raises(ValueError, match=r"'pneunomia', which no row has. Did you mean 'Pneu"):
        labels_of("Pneumonia|B", "No Finding", positive="pneunomia")
    with pytest.raises(ValueError, match="in every row"):
        labels_of("A|B", "A", positive="A")


def test_two_classes_without_a_known_illness_are_asked_about_and_three_are_accepted():
    with pytest.raises(UndecidedPositiveError, match="'COVID', 'TB'"):
        labels_of("COVID", "TB")
    assert labels_of("COVID", "TB", positive="TB").names == ["COVID", "TB"]
    labels = labels_of("COVID", "TB", "flu")
    assert (labels.names, labels.positive) == (["COVID", "TB", "flu"], [])
    labels = labels_of("a", "normal", "b")
    assert (labels.names, labels.positive) == (["normal", "a", "b"], ["a", "b"])


def test_columns_of_0_and_1_are_named_by_their_column():
    assert labels_of("0", "1", "1", column="Pneumonia").names == ["not Pneumonia", "Pneumonia"]
    assert labels_of("0", "1", "1", column="label").names == ["0", "1"]
    assert labels_of("0", "1", positive=1).names == ["0", "1"]


@pytest.mark.parametrize("answers", [("yes", "no"), ("TRUE", "FALSE"), ("Y", "N"), ("1", "0")])
@pytest.mark.parametrize("asked", [False, True])
def test_answers_are_named_by_their_column(answers, asked):
    options = {"positive": answers[0]} if asked else {}
    labels = labels_of(*answers, column="Pneumonia", **options)
    assert (labels.names, labels.positive) == (["not Pneumonia", "Pneumonia"], ["Pneumonia"])
    assert labels.target.tolist() == [1, 0]
    # A column can also be called as the healthy, and a general name names no class.
    options = {"positive": answers[1]} if asked else {}
    labels = labels_of(*answers, column="No Finding", **options)
    assert (labels.names, labels.target.tolist()) == (["No Finding", "not No Finding"], [0, 1])
    assert labels.positive == ["not No Finding"]
    opposite = labels_of(*answers, column="No Finding", positive=answers[0])
    assert (opposite.names, opposite.target.tolist()) == (["not No Finding", "No Finding"], [1, 0])
    # A name of both classes is not that of the healthy.
    assert labels_of(*answers, column="normal_or_pneumonia").target.tolist() == [1, 0]
    assert set(labels_of(*answers, column="Pneumonia", positive=answers[1]).names) == {*answers}
    assert set(labels_of(*answers, column="label", positive=answers[0]).names) == {*answers}


def test_answers_beside_0_and_1_are_reported():
    labels = labels_of("0", "1", "yes", column="Pneumonia")
    assert (labels.names, labels.target.tolist()) == (["not Pneumonia", "Pneumonia"], [0, 1, 1])
    [remark] = labels.remarks
    assert "The label '1' is spelled in 2 ways, '1' (1 row), 'yes' (1 row)" in remark


def test_cells_with_a_python_list_of_findings():
    labels = labels_of("['pneumonia', 'loc right']", "['normal']", positive="pneumonia")
    assert labels.target.tolist() == [1, 0]


@pytest.mark.parametrize(
    "spellings",
    [
        ("No Finding", "No_Finding", "no-finding", "No Finding."),
        ("Pneumon\u00eda", "Pneumoni\u0301a", "\uff30neumon\u00eda", "Pneumon\u00eda\u200b"),
        ("1", "1.0", "1.00"),
        ("1", "1,0", "01"),
        ("yes", "Y", "TRUE", "1", "positive"),
    ],
)
def test_hyphens_accents_widths_and_a_trailing_0_are_spellings_too(spellings):
    other = "0" if spellings[0] in "1yes" else "normal" if "um" in spellings[0] else "sick"
    labels = labels_of(*spellings, spellings[0], other)
    assert len(labels.names) == 2
    assert len(set(labels.target[:-1].tolist())) == 1
    [remark] = labels.remarks
    assert f"spelled in {len(spellings)} ways" in remark


def test_numbers_that_differ_are_labels_that_differ():
    assert labels_of("-1.0", "0.0", "1.0", "10").names == ["-1.0", "0.0", "1.0", "10"]


def test_a_column_of_0_and_1_with_decimals_names_its_classes():
    labels = labels_of("0.0", "1.0", "1.0", column="Pneumonia")
    assert labels.names == ["not Pneumonia", "Pneumonia"]
    assert labels.target.tolist() == [0, 1, 1]
    assert labels_of("0.0", "1.0", positive=1).target.tolist() == [0, 1]


def test_decimal_commas_are_numbers():
    labels = labels_of("0,0", "1,0", "1,0")
    assert (labels.names, labels.positive) == (["0", "1"], ["1"])


def test_answers_stay_classes_beside_other_labels():
    assert len(labels_of("no", "yes", "y", "unclear").names) == 4
    assert len(labels_of("n", "no", "f").names) == 3


@pytest.mark.parametrize(
    ("cells", "positive"),
    [
        (["Y"] * 5 + ["N"] * 5 + ["yes", "no"], "yes"),
        (["TRUE"] * 5 + ["FALSE"] * 5 + ["1", "0"], 1),
        (["1,0"] * 5 + ["0,0"] * 5 + ["Yes", "no"], ["YES"]),
    ],
)
def test_positive_finds_a_class_by_any_of_its_spellings(cells, positive):
    labels = labels_of(*cells, positive=positive)
    assert labels.target.tolist() == [1] * 5 + [0] * 5 + [1, 0]
    with pytest.raises(ValueError, match=r"which no row has.* The findings are '\w+', '\w+'\."):
        labels_of(*cells, positive="unclear")


def test_messages_about_positive_name_the_option_in_the_shell():
    for given, said in (("x", "--positive names 'x', which"), ("A", "^--positive A is in every")):
        with command_line_messages(), pytest.raises(ValueError, match=said):
            labels_of("A|B", "A", positive=(given,))


def test_an_empty_separator_or_positive_is_refused():
    with pytest.raises(ValueError, match=r"separator is empty. Expected the text between"):
        labels_of("a", "b", separator="")
    with pytest.raises(ValueError, match=r"No positive class is given. Name one or more .*'b'"):
        labels_of("a", "b", positive=[])


def test_minus_1_is_uncertain_beside_a_yes_and_a_no_and_a_word_beside_two_labels():
    for cells, expected in (
        (["1.0", "0.0", "-1.0", ""], [0, 0, 1, 0]),
        (["no", "Y", "-1"], [0, 0, 1]),
        (["1", "-1"], [0, 0]),  # the two classes of a support vector machine
        (["-1", "0", "1", "10"], [0, 0, 0, 0]),
        (["NORMAL", "PNEUMONIA", "Uncertain "], [0, 0, 1]),
        (["normal", "unclear"], [0, 0]),
        (["bacteria", "virus", "unknown"], [0, 0, 0]),
        (["bacteria", "virus", "unknown", "normal"], [0, 0, 1, 0]),
        (["yes", "no", "Unknown"], [0, 0, 1]),
        (["ja", "Nein", "Unklar"], [0, 0, 1]),
        (["oui", "non", "peut-être"], [0, 0, 1]),
        (["sí", "no", "dudoso"], [0, 0, 1]),
        (["sim", "nao", "possivel"], [0, 0, 1]),
        (["sim", "não", "possível"], [0, 0, 1]),
        (["ja", "nein", "vielleicht"], [0, 0, 1]),
        (["sí", "no", "indeterminado"], [0, 0, 1]),
        (["bacteria", "virus", "indeterminado"], [0, 0, 0]),
        (["+", "-", "+/\u2212"], [0, 0, 1]),
        (["+", "-", "+/-"], [0, 0, 1]),
    ):
        assert uncertain_rows(np.array(cells, dtype=object)).tolist() == expected


def test_labels_that_positive_leaves_out_are_reported_if_they_are_uncertain():
    cells = np.array(["1", "0", "-1", "-1"], dtype=object)
    labels = labels_of(*cells, positive=["1"], column="Pneumonia")
    [remark] = remarks_on_uncertain(cells, labels)
    assert remark == (
        "The uncertain label '-1' (2 rows) counts as 'not Pneumonia', because it is not among the "
        'positive labels. Leave such rows out with incomplete="drop".'
    )
    assert remarks_on_uncertain(cells, labels_of(*cells, positive=[1, -1])) == []


def test_all_uncertain_labels_are_reported():
    cells = np.array(["sick", "well", "maybe", "unclear", "maybe"], dtype=object)
    [remark] = remarks_on_uncertain(cells, labels_of(*cells, positive="sick"))
    assert "labels 'maybe' (2 rows), 'unclear' (1 row) count as 'not sick'" in remark


def test_grades_are_not_named_by_their_column():
    for cells, positive in ((["0", "1", "2", "3"], "1"), (["0", "1", "no answer"], ["1"])):
        assert labels_of(*cells, positive=positive, column="grade").names == ["not 1", "1"]


def test_a_positive_1_is_named_by_its_column():
    labels = labels_of("0", "1.0", "-1", positive=["1", "-1"], column="Pneumonia")
    assert (labels.names, labels.target.tolist()) == (["not Pneumonia", "Pneumonia"], [0, 1, 1])


def test_measurements_are_no_classes():
    temperatures = [f"{36 + i / 10:.1f}" for i in range(21)]
    few = ["36.6", "37.2", "38.1"]
    for cells in (["0.1", "0.93", "1"], ["0", "0,5", "1"], ["0", ".25"], temperatures, few):
        with pytest.raises(ValueError, match=r"not whole, such as .*table\['finding'\] >= 0.5"):
            labels_of(*cells)
    assert labels_of("0", "0.5", "1", positive="1").target.tolist() == [0, 0, 1]
    assert labels_of("grade 0.5", "grade 1", "normal").names[0] == "normal"
    assert len(labels_of(".5", "1", "1,5", "2").names) == 4


def test_a_text_about_each_image_is_no_class():
    texts = [f"report {i}" for i in range(21)]
    with pytest.raises(ValueError, match="21 different values in 40 rows, such as 'report 0'"):
        labels_of(*texts, *texts[:19])
    assert len(labels_of(*texts, *texts).names) == 21
    assert len(labels_of(*texts[:20]).names) == 20
    positive = labels_of(*texts, positive=lambda found: "report 7" in found)
    assert positive.target.sum() == 1


@pytest.mark.parametrize("used", [";", ", ", "/", " + ", "\n"])
@pytest.mark.parametrize("positive", [None, "pneumonia"])
def test_lists_with_another_separator_are_reported(used, positive):
    cells = (f"Effusion{used}Pneumonia", "Pneumonia", "Effusion", "No Finding")
    (remark,) = labels_of(*cells, positive=positive).remarks
    assert "(1 row) is read as one finding, and not as " in remark
    assert f"separator={used.strip(' ')!r}" in remark


def test_no_list_is_seen_in_what_is_none():
    for cells in (
        ["Pneumonia", "No pneumonia, effusion", "Pneumonia|Effusion"],
        ["1", "2", "1,5"],  # grades with a decimal comma
        ["Pneumonia", "Pneumonia/", "No finding"],
        ["+", "+/-", "-"],
        ["COVID", "COVID+", "Normal"],
    ):
        assert labels_of(*cells, positive=cells[0]).remarks == []
    asked = ["Pneumonia; Effusion", "Pneumonia"]
    assert labels_of(*asked, "normal", positive=asked).remarks == []


def test_many_numbers_are_no_classes():
    ages = list(map(str, range(30)))
    with pytest.raises(ValueError, match="30 different numbers, which are rather ids"):
        labels_of(*ages)
    assert labels_of(*ages, positive=["3", "4"]).target.sum() == 2
