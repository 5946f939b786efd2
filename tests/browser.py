"""A headless Chromium for tests of pages; where it or selenium is absent, what needs it is skipped, visibly."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
DRIVER = shutil.which("chromedriver")


class Page:
    """A page in the browser, and what was said and asked for while it was open."""

    def __init__(self, driver: Any, path: Path) -> None:
        self.driver, self.path = driver, path

    def open(self, fragment: str = "", script: bool = True) -> None:
        """Load the page anew, and wait for its script."""
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(self.path.as_uri() + fragment)
        until = time.monotonic() + 60
        while script and not self.run("return document.body && document.body.dataset.ready"):
            if time.monotonic() > until:
                raise AssertionError(f"the page is not ready: {self.driver.get_log('browser')}")
            time.sleep(0.02)

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script in the page returns."""
        return self.driver.execute_script(script, *arguments)

    def violations(self) -> list[tuple[str, str]]:
        """What stands in the way of assistive technology, by axe-core: rules broken seriously, and where."""
        axe = pytest.importorskip("axe_selenium_python", reason="axe-selenium-python is not installed")
        source = Path(axe.__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
        self.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": source.read_text(encoding="utf-8")})
        found = self.driver.execute_async_script("axe.run().then(arguments[0])")
        serious = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
        return [(each["id"], each["nodes"][0]["html"][:200]) for each in serious]

    def settle(self) -> None:
        """Wait until the intervals are those of the view."""
        until = time.monotonic() + 60
        while self.run("return document.body.dataset.settled") != "yes":
            assert time.monotonic() < until, "no intervals came"
            time.sleep(0.02)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, where the focus is."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def rows(self) -> list[list[str]]:
        """The cells of the table."""
        rows = '[...document.querySelectorAll("#table tbody tr")]'
        return self.run(f"return {rows}.map((row) => [...row.children].map((cell) => cell.textContent))")  # type: ignore[no-any-return]

    def messages(self) -> list[str]:
        """What the console said, violations of the policy included."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The addresses that were asked for, without data that the page holds itself."""
        events = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith(("data:", "blob:", "about:"))]

    def size(self, width: int, height: int = 900, dark: bool = False) -> None:
        """Another window."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def start_browser(script: bool = True) -> Any:
    """A driver of a headless Chromium; the test is skipped where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pages are not tested")
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("chromium and chromium-driver are not installed: pages are not tested in a browser")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1440,900",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    if not script:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(300)
    return driver


def visible_text(page: Page, selector: str) -> str:
    return str(page.run("return document.querySelector(arguments[0]).innerText", selector))
