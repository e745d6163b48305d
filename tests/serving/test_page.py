"""The page in headless Chromium, where it is installed."""

import csv
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skpneumo.serving import Limits, make_app
from skpneumo.serving._server import _listening, server_of

from ..loading.dicom_writing import write_dicom
from .browsing import (
    PATIENCE,
    chromium,
    drop,
    finished,
    messages,
    needs_chromium,
    picture,
    table,
    wait,
    webdriver,
)

pytestmark = [pytest.mark.slow, needs_chromium]

TOKEN = "a-token-of-twenty-letters"


def serve(app):
    listener = _listening("127.0.0.1", 0)
    server = server_of(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)

    def stop():
        server.should_exit = True
        thread.join()
        listener.close()

    return f"http://127.0.0.1:{listener.getsockname()[1]}/", stop


@pytest.fixture(scope="module")
def address(model, xrays):
    from skpneumo import RecallFloorClassifier

    floor = RecallFloorClassifier(model, recall=0.7, confidence=0.7)
    floor.fit(xrays.filenames, xrays.target)
    app = make_app(
        floor,
        target_names=xrays.target_names,
        limits=Limits(max_images=60),
        facts={"name": "model.joblib", "sha256": "0" * 64},
    )
    address, stop = serve(app)
    yield address
    stop()


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def page(driver, address):
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    driver.get("about:blank")
    driver.get_log("browser")
    driver.get(address)
    wait(driver, "return !document.getElementById('work').hidden")
    return driver


@pytest.fixture(scope="module")
def files(xrays, tmp_path_factory):
    """Fifty images, a DICOM file, a damaged one, one upside down, and a dangerous name."""
    folder = tmp_path_factory.mktemp("dropped")
    paths = [str(path) for path in xrays.filenames]
    made = []
    for number in range(50):
        path = folder / f"image-{number:02}.jpeg"
        shutil.copy(paths[number % len(paths)], path)
        made.append(str(path))
    with Image.open(paths[0]) as image:
        image.rotate(180).save(folder / "rotated.png")
    (folder / "damaged.jpeg").write_bytes(Path(paths[0]).read_bytes()[:300])
    shutil.copy(paths[1], folder / "=1+1,<b>.jpeg")
    stored = np.random.RandomState(0).randint(0, 4096, (64, 80)).astype(np.uint16)
    dicom = write_dicom(folder / "film.dcm", stored, bits=12)
    names = ("rotated.png", "damaged.jpeg", "=1+1,<b>.jpeg")
    return [*made, dicom, *(str(folder / name) for name in names)]


def press(driver, *keys):
    webdriver.ActionChains(driver).send_keys(*keys).perform()


def focused(driver):
    return driver.execute_script(
        "const it = document.activeElement; return it.id || it.textContent;"
    )


def test_dropped_files_become_a_table_that_sorts_and_is_saved(page, files, tmp_path):
    picture(page, "empty")
    drop(page, files)
    finished(page, len(files))
    rows = {name: cells for name, *cells in table(page)}
    assert len(rows) == len(files) == 54
    assert "1 without a result" in page.find_element("id", "status").text
    for name, (probability, label, gate, problem, _) in rows.items():
        if name == "damaged.jpeg":
            assert (probability, label, gate) == ("", "", "")
            assert "damaged" in problem
        else:
            assert 0 <= float(probability) <= 1
            assert label in ("NORMAL", "PNEUMONIA")
            assert problem == ""
    picture(page, "table")

    heads = page.find_elements("css selector", "#heads button")
    heads[1].click()
    values = [row[1] for row in table(page)]
    assert values[-1] == ""  # what has no probability comes last
    assert values[:-1] == sorted(values[:-1])
    heads[1].click()
    assert [row[1] for row in table(page)][:-1] == sorted(values[:-1], reverse=True)
    assert (
        page.execute_script(
            "return document.querySelectorAll('#heads th')[1].getAttribute('aria-sort')"
        )
        == "descending"
    )

    page.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    page.find_element("id", "save").click()
    saved = tmp_path / "predictions.csv"
    end = time.monotonic() + PATIENCE
    while not saved.exists() and time.monotonic() < end:
        time.sleep(0.1)
    with open(saved, encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(files)
    assert {line["model"] for line in lines} == {"model.joblib"}
    # A spreadsheet reads no formula.
    assert "'=1+1,<b>.jpeg" in {line["file"] for line in lines}
    assert messages(page) == []


def test_files_beyond_the_limit_are_left_out_with_a_message(page, files):
    drop(page, files)
    drop(page, files)
    finished(page, 60)
    assert "48 more than the 60 of one list: left out" in page.find_element("id", "status").text
    page.find_element("id", "clear").click()
    assert table(page) == []


def test_everything_can_be_done_by_the_keyboard(page, files):
    keys = webdriver.Keys
    for _ in range(4):
        if focused(page) == "files":
            break
        press(page, keys.TAB)
    assert focused(page) == "files"
    page.switch_to.active_element.send_keys("\n".join(files[:3]))
    finished(page, 3)
    for _ in range(20):
        if focused(page) == "Probability of PNEUMONIA":
            break
        press(page, keys.TAB)
    press(page, keys.ENTER)
    values = [row[1] for row in table(page)]
    assert values == sorted(values)
    for _ in range(20):
        if focused(page) == "Heat map":
            break
        press(page, keys.TAB)
    press(page, keys.ENTER)
    wait(
        page,
        "const image = document.getElementById('map-image');"
        "return !image.hidden && image.complete && image.naturalWidth > 300",
    )
    picture(page, "map")
    press(page, keys.ESCAPE)
    wait(page, "return !document.getElementById('map').open")
    assert focused(page) == "Heat map"
    assert messages(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 650, 390])
def test_nothing_is_cut_off_in_any_look(page, files, scheme, width):
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 850, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    drop(page, files[-5:])
    finished(page, 5)
    picture(page, f"{scheme}-{width}")
    assert page.execute_script(
        "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    assert page.execute_script(
        "const table = document.querySelector('.scroll');"
        "return table.scrollWidth <= table.clientWidth"
    )
    least = 125 if width == 650 else 200
    assert page.execute_script("return document.querySelector('.failed').offsetWidth") >= least
    shown = page.execute_script(
        "return getComputedStyle(document.querySelector('#rows td'), '::before').content"
    )
    assert shown == ('"Probability of PNEUMONIA: "' if width < 500 else "none")
    tops = page.execute_script(
        "return [...document.querySelectorAll('#heads button')].map("
        "button => button.getBoundingClientRect().top)"
    )
    assert len(set(tops)) < len(tops)  # the buttons that sort lie side by side
    background, colour = page.execute_script(
        "const probe = document.createElement('p'); probe.style.background = 'Canvas';"
        "document.body.append(probe);"
        "return [getComputedStyle(probe).backgroundColor, getComputedStyle(document.body).color]"
    )
    dark, light = ("rgb(18, 18, 18)", "rgb(255, 255, 255)")
    assert background == (dark if scheme == "dark" else light)
    assert colour != background
    assert messages(page) == []


def test_paper_shows_all_columns(page, files):
    drop(page, files[-5:])
    finished(page, 5)
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 700, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    assert page.execute_script(
        "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        " && getComputedStyle(document.querySelector('.scroll')).overflowX === 'visible'"
    )


@pytest.mark.parametrize(
    ("facts", "columns"),
    [
        ({"classes": ["normal", "TB"], "positive": "TB"}, ["probability"]),
        ({"classes": ["TB", "clear"], "positive": "TB"}, ["probability_TB"]),
        ({"classes": ["COVID", "TB"], "positive": None}, ["probability_COVID", "probability_TB"]),
    ],
)
def test_a_saved_table_says_of_which_class_a_probability_is(page, facts, columns):
    head = page.execute_script(
        "model = {...model, ...arguments[0]}; return csv().split('\\r\\n')[0]", facts
    )
    assert [each for each in head.split(",") if "prob" in each and each != "problem"] == columns


def test_withheld_images_are_counted_and_have_no_heat_map(page):
    page.execute_script(
        "const answer = { probabilities: { PNEUMONIA: null }, decision: null, gate: null };"
        "rows = [{ file: { name: 'a.png' }, state: 'done', answer, error: '' }]; progress();"
    )
    assert page.execute_script("return find('status').textContent") == (
        "1 of 1 images done, 1 withheld."
    )
    assert "Heat map" not in page.execute_script("return find('rows').textContent")


def test_where_a_token_is_needed_it_is_asked_for_or_read_from_the_address(driver, model, files):
    address, stop = serve(make_app(model, token=TOKEN))
    try:
        driver.get("about:blank")
        driver.get_log("browser")
        driver.get(address)
        wait(driver, "return !document.getElementById('token-form').hidden")
        picture(driver, "token")
        field = driver.find_element("id", "token")
        field.send_keys(TOKEN, webdriver.Keys.ENTER)
        wait(driver, "return !document.getElementById('work').hidden")
        driver.get("about:blank")
        driver.get(f"{address}#token={TOKEN}")
        wait(driver, "return !document.getElementById('work').hidden")
        assert TOKEN not in driver.current_url
        drop(driver, files[:1])
        finished(driver, 1)
        assert "1 without" not in driver.find_element("id", "status").text
        assert messages(driver) == []
        kept = "return [localStorage.length, sessionStorage.length, document.cookie]"
        assert driver.execute_script(kept) == [0, 0, ""]
    finally:
        stop()
