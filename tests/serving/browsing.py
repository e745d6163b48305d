"""Headless Chromium for the tests of pages."""

import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

webdriver = pytest.importorskip("selenium.webdriver")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="Chromium is not installed: apt-get install chromium chromium-driver",
)

# Folder for screenshots of the pages, for visual inspection.
SCREENSHOTS = os.environ.get("SKPNEUMO_SCREENSHOTS")
PATIENCE = 120  # seconds, on a machine that does other things


@contextmanager
def chromium(profile):
    """A browser that can only reach this machine, and records its console."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1100,900",
        # What a page might ask of another host would fail, and be seen in the console.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    with webdriver.Chrome(options=options, service=service) as driver:
        driver.set_script_timeout(PATIENCE)
        yield driver


def wait(driver, script):
    end = time.monotonic() + PATIENCE
    while not driver.execute_script(script):
        assert time.monotonic() < end, f"never true: {script}"
        time.sleep(0.1)


def drop(driver, paths):
    """Drag files over the page and let them go, as the browser itself does."""
    data = {"items": [], "files": paths, "dragOperationsMask": 1}
    box = driver.execute_script(
        "const box = document.getElementById('drop').getBoundingClientRect();"
        "return [box.x + box.width / 2, box.y + box.height / 2];"
    )
    for kind in ("dragEnter", "dragOver", "drop"):
        driver.execute_cdp_cmd(
            "Input.dispatchDragEvent", {"type": kind, "x": box[0], "y": box[1], "data": data}
        )


def finished(driver, n):
    """Wait until that many images are done."""
    wait(
        driver,
        "return document.getElementById('status').textContent.startsWith"
        f"('{n} of {n} images done')",
    )


def table(driver):
    return driver.execute_script(
        "return [...document.querySelectorAll('#rows tr')].map("
        "row => [...row.children].map(cell => cell.textContent))"
    )


def messages(driver):
    """Get the messages in the console since the last call."""
    return [entry["message"] for entry in driver.get_log("browser")]


def picture(driver, name):
    if SCREENSHOTS:
        driver.save_screenshot(str(Path(SCREENSHOTS) / f"{name}.png"))
