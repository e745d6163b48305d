"""Tables as spreadsheets and archives write them, and errors that say what is wrong."""

import gzip
import os
import re
import unicodedata

import pandas as pd
import pytest

from skpneumo._messages import command_line_messages
from skpneumo.datasets import CollectionWarning, load_image_table
from skpneumo.datasets._load_table import table_paths

ROWS = [
    ("m1/C1", "No Finding", "007"),
    ("m2/C2", "Pneumonia", "007"),
    ("m1/C3", "No Finding", "8"),
]
COLUMNS = {"path": "image", "label": "findings", "patient": "case"}
HEADER = "image;findings;case"
BODY = [";".join(row) for row in ROWS]


def frame(**changes):
    columns = dict(zip(COLUMNS.values(), zip(*ROWS, strict=True), strict=True))
    return pd.DataFrame(columns).assign(**changes)


@pytest.fixture
def root(tmp_path):
    for row in ROWS:
        (tmp_path / row[0]).parent.mkdir(exist_ok=True)
        (tmp_path / f"{row[0]}.png").touch()
    return tmp_path


def read(root, text, **options):
    (root / "t.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_image_table(root / "t.csv", **{**COLUMNS, **options})


LINES = "\n".join([HEADER, *BODY])
SPREADSHEETS = {
    "semicolons": LINES,
    "tabs": LINES.replace(";", "\t"),
    "bars": LINES.replace(";", "|"),
    "a mark of the order of bytes": b"\xef\xbb\xbf" + LINES.encode(),
    "Unicode text": LINES.encode("utf-16"),
    "lines of Windows": LINES.replace("\n", "\r\n") + "\r\n",
    "lines of an old Mac": LINES.replace("\n", "\r"),
    "the delimiter said first": f"sep=;\r\n{LINES}",
    "empty lines first": f"\n \n{LINES}",
    "empty rows last": f"{LINES}\n;;\n ; ;\n",
    "an empty column last": LINES.replace("\n", ";\n") + ";",
    "a delimiter more in rows": "\n".join([HEADER, *(f"{row};" for row in BODY)]),
    "quotation marks": LINES.replace("No Finding", '"No Finding"').replace("8", '"8"'),
    "space around names": LINES.replace(HEADER, " image ;findings ; case"),
    "quotation marks after a space": "\n".join(
        ", ".join(f'"{cell}"' for cell in row) for row in (HEADER.split(";"), *ROWS)
    ),
    "compressed": gzip.compress(LINES.encode("utf-8-sig"), mtime=0),
    "another column of two": "\n".join([f"{HEADER};n;n", *(f"{row};1;2" for row in BODY)]),
}


@pytest.mark.parametrize("text", SPREADSHEETS.values(), ids=SPREADSHEETS)
def test_csv_dialects_of_spreadsheets_give_the_same_rows(root, text):
    xrays = read(root, text)
    assert [*xrays.filenames] == [str(root / f"{row[0]}.png") for row in ROWS]
    assert [*xrays.target] == [0, 1, 0]
    assert [*xrays.groups] == ["007", "007", "8"]


def test_a_quoted_delimiter_in_a_column_name_is_part_of_the_name(root):
    assert len(
        read(root, LINES.replace("image", '"image, and, more"', 1), path="image, and, more").X
    )


def test_columns_of_the_same_name_are_both_in_the_frame_and_refused_as_path(root):
    twice = "\n".join([f"{HEADER};n;n", *(f"{row};1;2" for row in BODY)])
    assert read(root, twice).frame[["n", "n.1"]].to_numpy().tolist() == [["1", "2"]] * 3
    with pytest.raises(ValueError, match=r"2 columns 'case'\. Rename"):
        read(root, twice.replace("n;n", "case;n"))


def test_quotation_marks_within_a_cell_are_text(root):
    rows = [f"{row}; {note}" for row, note in zip(BODY, ('"AP" view', "PA", 'a "b"'), strict=True)]
    xrays = read(root, "\n".join([f"{HEADER};note", *rows]))
    assert [*xrays.frame["note"].str.strip()] == ['"AP" view', "PA", 'a "b"']


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LINES + ";more", r"row 3 below .* has 4 cells for 3 columns, \['m1/C3', .*quotation"),
        (LINES.replace("m2", '"m2'), "row 2 below .* an extra quotation mark"),
        ("", r"t.csv' cannot be read as a table \(it is empty\). Save it as CSV"),
        (HEADER, "no rows. Expected .* its columns are 'image', 'findings', 'case'"),
        (f"Export of March\n{LINES}", "no column 'image'.*The first line of the table has to be"),
        (LINES.replace("image", "Image"), "no column 'image'; .* Did you mean 'Image'.*path="),
        (f"{HEADER};{';'.join('abcdefghijklm')}\n{BODY[0]}".replace("image", "x"), "and 4 more"),
        (LINES.replace("m2/C2", ""), "1 of 3 rows have nothing in the column 'image', .* row 2 "),
        (b"PK\3\4rubbish", "it is a zip archive, but not an Excel file"),
        (b"PAR1rubbish", "cannot be read as a table"),
        (b"SQLite format 3\0", r"\(it is a database\)\. Save it as .* or pass a DataFrame\."),
        (b"\0\1", "it is a file of an unknown kind"),
        ("<html><table><tr><td>image</td></tr></table>", "it is a web page"),
        (b"\x1f\x8brubbish", "cannot be read as a table"),
        (gzip.compress(LINES.encode(), mtime=0)[:-9], "cannot be read as a table"),
        ('[{"image": "m1/C1"}]', "it is JSON, which pandas.read_json reads"),
        ('[\n  {\n    "image": "m1/C1"\n  }\n]', "it is JSON, which pandas.read_json reads"),
        (' [ {"image":1}]', "it is JSON, which pandas.read_json reads"),
        (LINES * 40 + "\0", r"cannot be read as a table \(it contains bytes that are not text\)"),
        ('{"image": "m1/C1"}\n{"image": "m2/C2"}', "it is JSON, which pandas.read_json reads"),
    ],
)  # fmt: skip
def test_errors_name_the_place_and_the_remedy(root, text, said):
    with pytest.raises(ValueError, match=said):
        read(root, text)


def test_the_sheets_of_a_workbook(root):
    with pd.ExcelWriter(root / "t.xlsx", engine="openpyxl") as book:
        pd.DataFrame({"about": ["an export"]}).to_excel(book, sheet_name="Info", index=False)
        frame().reindex([0, 1, 2, 3]).to_excel(book, sheet_name="List", index=False)
    for sheet in ("List", 1):
        xrays = load_image_table(root / "t.xlsx", sheet=sheet, **COLUMNS)
        assert [*xrays.target] == [0, 1, 0]
    with pytest.raises(ValueError, match=r"sheet 'Info'; there are also 'List': sheet='List'\."):
        load_image_table(root / "t.xlsx", **COLUMNS)
    for sheet in ("list", 2, -1):
        with pytest.raises(
            ValueError, match=r"no sheet .*its sheets are 'Info', 'List'.*sheet=\."
        ):
            load_image_table(root / "t.xlsx", sheet=sheet, **COLUMNS)


@pytest.mark.parametrize("first", [[["an export", None], ["of", "today"]], [["path"]], []])
def test_a_first_sheet_without_a_table_names_the_others(root, first):
    with pd.ExcelWriter(root / "t.xlsx", engine="openpyxl") as book:
        pd.DataFrame(first).to_excel(book, sheet_name="Info", header=False, index=False)
        frame().to_excel(book, sheet_name="List", index=False)
    with pytest.raises(ValueError, match=r"sheet 'Info'; there are also 'List': sheet='List'\.$"):
        load_image_table(root / "t.xlsx", **COLUMNS)


def test_sheets_are_read_by_the_rules_of_csv(root):
    cells = [[None] * 4, ["image", "findings", "findings", "case"]]
    cells += [[path, None, "None" if "No" in label else label, case] for path, label, case in ROWS]

    def written(rows):
        pd.DataFrame(rows).to_excel(root / "t.xlsx", header=False, index=False)
        return root / "t.xlsx"

    with pytest.raises(ValueError, match=r"2 columns 'findings'\. Rename all but one"):
        load_image_table(written(cells), **COLUMNS)
    with pytest.raises(ValueError, match=r"first line, 'My study', has fewer cells than the next"):
        load_image_table(written([["My study", None, None, None], *cells[1:]]), **COLUMNS)
    cells[1][1] = None  # a blank row first, an empty column, and a class called None
    xrays = load_image_table(written(cells), **COLUMNS, positive="Pneumonia")
    assert (xrays.target_names, [*xrays.target]) == (["None", "Pneumonia"], [0, 1, 0])
    assert [*xrays.groups] == ["007", "007", "8"]


def test_an_index_without_a_name_is_no_title_of_a_sheet(root):
    pd.DataFrame({"path": [row[0] for row in ROWS]}).to_excel(root / "t.xlsx")
    assert table_paths(root / "t.xlsx") == [str(root / f"{row[0]}.png") for row in ROWS]


def test_ids_that_a_sheet_stores_with_fewer_digits_are_warned_of(root):
    frame(case=[123456789012345678 + i for i in range(3)]).to_excel(root / "t.xlsx", index=False)
    with pytest.warns(CollectionWarning, match="are long numbers that have been rounded, by a"):
        load_image_table(root / "t.xlsx", **COLUMNS)


def test_quotation_marks_and_dashes_of_windows_are_text(root):
    text = LINES.replace("No Finding", "Non\u2013Pneumonia").encode("cp1252")
    assert read(root, text).target_names == ["Non\u2013Pneumonia", "Pneumonia"]


def test_names_that_commands_write_with_an_apostrophe_are_found(root):
    (root / "=a.png").touch()
    xrays = read(root, LINES.replace("m1/C1", "'=a.png"))
    assert xrays.filenames[0] == str(root / "=a.png")


def test_bytes_are_text(root):
    xrays = load_image_table(frame(image=[row[0].encode() for row in ROWS]), root=root, **COLUMNS)
    assert [*xrays.filenames] == [str(root / f"{row[0]}.png") for row in ROWS]


MESSAGES = {
    "sheet": ({"sheet": "x"}, "sheet=", "--sheet"),
    "column": ({"label": "x"}, "label=", "--label"),
    "root": ({"root": "nowhere"}, "Check root", "Check FOLDER"),
    "files": ({"path": "case"}, 'incomplete="drop"', "--drop-incomplete"),
    "both": ({"patient_pattern": "nih"}, "patient='case'", "--patient case"),
}


@pytest.mark.parametrize(("options", "python", "shell"), MESSAGES.values(), ids=MESSAGES)
def test_messages_name_what_their_reader_types(root, options, python, shell):
    frame().to_excel(root / "t.xlsx", index=False)
    with pytest.raises((ValueError, OSError)) as said:
        load_image_table(root / "t.xlsx", **{**COLUMNS, **options})
    with pytest.raises((ValueError, OSError)) as said_in_shell, command_line_messages():
        load_image_table(root / "t.xlsx", **{**COLUMNS, **options})
    assert [each in str(said.value) for each in (python, shell)] == [True, False]
    assert [each in str(said_in_shell.value) for each in (python, shell)] == [False, True]


@pytest.mark.parametrize("in_file", [False, True])
def test_a_column_may_be_the_index(root, in_file):
    table = frame().set_index("image")
    if in_file:
        table.to_parquet(root / "t")
    xrays = load_image_table(root / "t" if in_file else table, root=root, **COLUMNS)
    assert [*xrays.groups] == ["007", "007", "8"]


# Files that are called otherwise than the table has it


@pytest.mark.parametrize("folder", ["C:\\Export\\XR\\", "\\\\server\\XR\\", "/mnt/xr/", "D:/x/"])
@pytest.mark.parametrize("keep", [True, False])
def test_absolute_paths_of_another_computer_are_found_below_the_root(root, folder, keep):
    names = [row[0] if keep else os.path.basename(row[0]) for row in ROWS]
    paths = [folder + name.replace("/", "\\" if "\\" in folder else "/") for name in names]
    with pytest.warns(CollectionWarning, match="that 3 paths of the table begin with is not on"):
        xrays = load_image_table(frame(image=paths), root=root, **COLUMNS)
    assert [*xrays.filenames] == [str(root / f"{row[0]}.png") for row in ROWS]
    with pytest.warns(CollectionWarning, match="not on this computer"):
        assert table_paths(frame(image=paths), "image", root) == [*xrays.filenames]


def test_a_missing_absolute_path_is_not_searched_for_if_others_exist(root):
    paths = [str(root / "m1/C1.png"), str(root / "m2/C2.png"), str(root / "gone/C3.png")]
    with pytest.raises(FileNotFoundError, match="1 of 3 files of the table do not exist"):
        load_image_table(frame(image=paths), root=root, **COLUMNS)


@pytest.mark.parametrize("wrong", ["/old/C9.png", "C:\\scans\\C9.png", "old/C9.png", "old/C9"])
def test_a_file_of_the_name_in_another_folder_is_named(root, wrong):
    (root / "m3").mkdir(exist_ok=True)
    (root / "m3/C9.png").touch()
    paths = [str(root / "m1/C1.png"), str(root / "m2/C2.png"), wrong]
    told = f"there is no {wrong!r}, but {str(root / 'm3/C9.png')!r}"
    with pytest.raises(FileNotFoundError, match=re.escape(told)):
        load_image_table(frame(image=paths), root=root, **COLUMNS)
    # Unless the table has that file as well.
    paths[0] = "m3/C9.png"
    with pytest.raises(FileNotFoundError, match="1 of 3 files") as caught:
        load_image_table(frame(image=paths), root=root, **COLUMNS)
    assert "there is no" not in str(caught.value)


def test_files_of_the_same_name_stay_apart_on_another_computer(root):
    (root / "m1/C2.png").touch()
    paths = ["C:\\x\\m1\\C2.png", "C:\\x\\m2\\C2.png", "C:\\x\\m9\\C2.png"]
    with pytest.raises(FileNotFoundError, match=r"1 of 3 files .*m9"):
        load_image_table(frame(image=paths), root=root, **COLUMNS)


def test_case_and_accents_are_ignored_unless_files_differ_only_in_them(root):
    (root / "m1" / unicodedata.normalize("NFD", "Zoë.png")).touch()
    xrays = load_image_table(frame(image=["M1/c1.PNG", "c2", "ZOË"]), root=root, **COLUMNS)
    assert [*xrays.filenames][:2] == [str(root / "m1/C1.png"), str(root / "m2/C2.png")]
    try:
        (root / "m3").mkdir()
        (root / "m3/c2.png").touch()
    except OSError:
        pytest.skip("the file system takes names that differ in case for one")
    chosen = load_image_table(frame(image=["m1/C1", "c2", "C2"]), root=root, **COLUMNS).filenames
    assert [*chosen][1:] == [str(root / "m3/c2.png"), str(root / "m2/C2.png")]
    with pytest.raises(ValueError, match=r"'C2.PNG' of the table may be 2 files"):
        load_image_table(frame(image=["m1/C1", "C2.PNG", "C2"]), root=root, **COLUMNS)


def test_another_suffix_is_reported_and_never_chosen_among_several(root):
    with pytest.warns(CollectionWarning, match=r"1 file .* another suffix here: 'm2/C2.dcm' is "):
        xrays = load_image_table(
            frame(image=["m1/C1.png", "m2/C2.dcm", "m1/C3"]), root=root, **COLUMNS
        )
    assert xrays.filenames[1] == str(root / "m2/C2.png")
    (root / "m2/C2.jpeg").touch()
    with pytest.raises(ValueError, match=r"'C2.dcm' of the table may be 2 files"):
        load_image_table(frame(image=["m1/C1", "C2.dcm", "m1/C3"]), root=root, **COLUMNS)


# What stands between findings


@pytest.mark.parametrize("mark", [",", ";", "/", "+"])
def test_the_separator_of_findings_is_suggested(root, mark):
    table = frame(findings=["No Finding", f"Effusion{mark} Pneumonia", "Mass"])
    with pytest.raises(ValueError, match=rf"several findings, name.*separator='\{mark}'"):
        load_image_table(table, root=root, positive="pneumonia", **COLUMNS)
    xrays = load_image_table(table, root=root, positive="pneumonia", separator=mark, **COLUMNS)
    assert [*xrays.target] == [0, 1, 0]
