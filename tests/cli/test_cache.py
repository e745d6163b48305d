import os
import time

import pytest

from skpneumo import ImageLoader
from skpneumo.cli import main

pytest.importorskip("lmdb", reason='needs pip install "skpneumo[cache]"')


@pytest.fixture
def folder(tmp_path, xrays):
    for path in xrays.filenames[:5]:
        os.utime(path, (1_700_000_000, 1_700_000_000))
    time.sleep(0.03)  # a tick of the clock: what has just changed is not saved
    loader = ImageLoader(size=16, cache=tmp_path / "cache")
    loader.transform(xrays.filenames[:5])
    loader.transform(xrays.filenames[:3])
    return tmp_path / "cache"


def test_it_shows_what_is_kept(folder, capsys):
    assert main(["cache", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:15].strip() for line in lines] == [
        "images",
        "size on disk",
        "oldest image",
        "decoded so far",
        "served so far",
    ]
    values = [line[15:] for line in lines]
    assert values[0] == values[3] == "5"
    assert values[1].endswith("MiB")
    assert values[2][:2] == "20"
    assert values[4] == "3"


def test_it_clears(folder, capsys):
    assert main(["cache", str(folder), "--clear"]) == 0
    assert capsys.readouterr().out == f"{folder} is empty now.\n"
    assert not list(folder.glob("*.mdb"))
    main(["cache", str(folder)])
    assert capsys.readouterr().out.splitlines()[0].split() == ["images", "0"]


def test_it_clears_a_damaged_one(folder, capsys):
    (folder / "data.mdb").write_bytes(b"rubbish" * 1000)
    assert main(["cache", str(folder)]) == 1
    assert "--clear" in capsys.readouterr().err
    assert main(["cache", str(folder), "--clear"]) == 0


@pytest.mark.parametrize("options", [[], ["--clear"]])
def test_other_folders_are_left_alone(options, tmp_path, capsys):
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    assert main(["cache", str(tmp_path), *options]) == 1
    assert "precious.txt" in capsys.readouterr().err
    assert precious.read_text() == "mine"
    assert main(["cache", str(tmp_path / "nowhere"), *options]) == 1
    assert "nowhere" in capsys.readouterr().err
