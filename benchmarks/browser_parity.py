"""Compare the results of a browser and of onnxruntime for the same pixels.

    python benchmarks/browser_parity.py model.onnx originals --runtime onnxruntime-web-1.30.0.tgz

The first argument is a file of `skpneumo export`, the second a folder of X-rays. Their pixels are
saved as PNG, which is lossless, and opened in the page of `write_local_page` in headless Chromium
(Debian's packages `chromium` and `chromium-driver`, and selenium). The output is the largest
difference of probabilities, and the number of images with another result of the input gate.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By

from skpneumo.persistence import OnnxClassifier
from skpneumo.persistence.onnx._parity import images_from
from skpneumo.persistence.onnx._session import OnnxSession
from skpneumo.serving import write_local_page

PATIENCE = 1800  # seconds
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
SUFFIXES = {".jpeg", ".jpg", ".png"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runtime", type=Path, required=True, help="of npm pack onnxruntime-web")
    parser.add_argument("--number", type=int, default=100, help="how many images")
    parser.add_argument("--tolerance", type=float, default=1e-5)
    options = parser.parse_args()
    files = sorted(each for each in options.folder.rglob("*") if each.suffix.lower() in SUFFIXES)
    images = images_from(files[: options.number])
    exported = OnnxClassifier(options.model).fit()
    session = OnnxSession(options.model.read_bytes())
    gate = exported.facts_.gate
    expected = [session.predict(image) for image in images]
    passes = [gate is None or bool((each.gate <= gate.thresholds).all()) for each in expected]
    begin = time.monotonic()
    found = in_browser(options.model, images, options.runtime)
    seconds = (time.monotonic() - begin) / len(images)
    # The page shows no probability of withheld images.
    pairs = [
        (list(answer["probabilities"].values()), each.probabilities)
        for answer, each in zip(found, expected, strict=True)
        if None not in answer["probabilities"].values()
    ]
    largest = max((float(np.abs(np.subtract(*pair)).max()) for pair in pairs), default=np.nan)
    other = sum(
        passed != (answer["gate"] is None or answer["gate"]["passed"])
        for passed, answer in zip(passes, found, strict=True)
    )
    distinct = len({round(float(each[1]), 6) for _, each in pairs})
    print(
        f"{len(images)} images, {len(pairs)} with an answer, {distinct} different ones; "
        f"probabilities differ by {largest:.1e} at most, the gate says otherwise of {other}; "
        f"{seconds:.2f} s an image, the page's loading included"
    )
    return int(not largest <= options.tolerance or other > 0)


def in_browser(model: Path, images: list[Any], runtime: Path) -> list[Any]:
    """Get the results of the page for each image."""
    settings = webdriver.ChromeOptions()
    # Given explicitly, because selenium would otherwise look them up on another host.
    settings.binary_location = shutil.which("chromium")
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    for argument in ARGUMENTS:
        settings.add_argument(argument)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_local_page(model, folder / "page.html", runtime=runtime)
        paths = [folder / f"{number}.png" for number in range(len(images))]
        for path, image in zip(paths, images, strict=True):
            Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(path)
        settings.add_argument(f"--user-data-dir={folder / 'profile'}")
        with webdriver.Chrome(options=settings, service=service) as driver:
            driver.get((folder / "page.html").as_uri())
            waited(driver, "!document.getElementById('work').hidden")
            driver.find_element(By.ID, "files").send_keys("\n".join(map(str, paths)))
            waited(driver, f"rows.length === {len(paths)}")
            waited(driver, "rows.every(row => row.state !== 'waiting')")
            failed = driver.execute_script("return rows.map(row => row.error).filter(Boolean)")
            if failed:
                raise RuntimeError(f"the page failed: {json.dumps(failed[:3])}")
            return driver.execute_script("return rows.map(row => row.answer)")


def waited(driver: Any, condition: str) -> None:
    end = time.monotonic() + PATIENCE
    while not driver.execute_script(f"return {condition}"):
        if time.monotonic() > end:
            raise TimeoutError(condition)
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
