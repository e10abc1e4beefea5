"""The service's pages in a real browser: for each task: asked by keyboard, what it shows, and how that looks.

    pip install -r tools/clients/requirements.txt        and Debian's chromium and chromium-driver
    python3 tools/clients/page.py target/release/nimbert ../shared/family --screenshots shown

Screenshots are of a wide and a narrow window, light and dark.
"""

import argparse
import pathlib

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from check import service

EXPECTED = {
    # What the page shows of each model, by what is under the heading.
    "bert-nli": ("Labels", ".bars li", 3),
    "bert-ner": ("Entit", ".text", 1),
    "bert-qa": (None, "mark", 1),
    "bert-mlm": ("Gap 1", ".bars li", 5),
    "st-mean-normalize": ("Cosine", ".bars li", 2),
    "bert-rerank": ("Documents", ".bars li", 2),
}


def browser(width, dark):
    options = webdriver.ChromeOptions()
    for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", f"--window-size={width},900"]:
        options.add_argument(argument)
    if dark:
        options.add_argument("--force-dark-mode")
        options.add_experimental_option("prefs", {"browser.theme.color_scheme": 2})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    scheme = "dark" if dark else "light"
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    # A window has a least width; the screen of a phone has not.
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    return driver


def wait(driver, selector):
    def shown(page):
        return [element for element in page.find_elements(By.CSS_SELECTOR, selector) if element.is_displayed()]

    # What is found may be replaced before it is looked at.
    return WebDriverWait(driver, 10, ignored_exceptions=[StaleElementReferenceException]).until(shown)


def ask(driver, selector):
    """As who has no mouse."""
    def typed(page):
        page.find_element(By.CSS_SELECTOR, "#fields textarea, #fields input").send_keys(Keys.CONTROL, Keys.ENTER)
        return True

    # The fields are there when the page knows the model, which may be after they are looked for.
    WebDriverWait(driver, 10, ignored_exceptions=[NoSuchElementException, StaleElementReferenceException]).until(typed)
    wait(driver, "#result .tokens li")
    return wait(driver, selector)


def check(driver, address, name, expected):
    heading, selector, count = expected
    driver.get(address)
    found = ask(driver, f"#result {selector}")
    shown = driver.find_element(By.ID, "result").text
    assert len(found) == count, (name, shown)
    assert heading is None or heading in shown, (name, shown)
    assert " ms" in shown and driver.find_element(By.ID, "name").text == name, shown
    # Everything that takes input has a name, and what was found is said to who does not see it.
    for field in driver.find_elements(By.CSS_SELECTOR, "#fields textarea, #fields input"):
        assert driver.find_elements(By.CSS_SELECTOR, f"label[for={field.get_attribute('id')}]"), name
    assert driver.find_element(By.ID, "result").get_attribute("aria-live") == "polite"
    # Nothing is wider than the window.
    assert driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"), name
    severe = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert not severe, severe


def check_docs(driver, address):
    """The page of all addresses: each opens by keyboard, and its example is answered."""
    driver.get_log("browser")
    driver.get(f"{address}/docs")
    wait(driver, "summary")
    opened = next(all for all in driver.find_elements(By.TAG_NAME, "details") if all.find_element(By.TAG_NAME, "code").text == "/predict")
    opened.find_element(By.TAG_NAME, "summary").send_keys(Keys.ENTER)
    assert "truncation_direction" in opened.text, opened.text
    opened.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    WebDriverWait(driver, 10).until(lambda _: "200 OK" in opened.text and '"label"' in opened.text)
    for field in opened.find_elements(By.CSS_SELECTOR, "textarea, input, select"):
        assert driver.find_elements(By.CSS_SELECTOR, f"label[for={field.get_attribute('id')}]"), opened.text
    assert driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    severe = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert not severe, severe


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("family", type=pathlib.Path)
    parser.add_argument("--screenshots", type=pathlib.Path)
    arguments = parser.parse_args()
    for width, dark in [(1000, False), (390, True)]:
        driver = browser(width, dark)
        try:
            for name, expected in EXPECTED.items():
                with service(arguments.program, ["--model", arguments.family / name]) as address:
                    check(driver, address, name, expected)
                    print(f"{name}: {width} wide, {'dark' if dark else 'light'}")
                    if arguments.screenshots:
                        arguments.screenshots.mkdir(exist_ok=True)
                        driver.save_screenshot(str(arguments.screenshots / f"{name}-{width}.png"))
            with service(arguments.program, ["--api-key", "secret"]) as address:
                driver.get(address)
                wait(driver, "#key")[0].send_keys("secret", Keys.ENTER)
                ask(driver, "#result .bars li")
                stars = driver.find_elements(By.CSS_SELECTOR, "[role=img]")
                assert len(stars) == 5 and stars[0].get_attribute("aria-label").endswith("stars")
                if arguments.screenshots:
                    driver.save_screenshot(str(arguments.screenshots / f"demo-{width}.png"))
            with service(arguments.program, []) as address:
                check_docs(driver, address)
                print(f"/docs: {width} wide, {'dark' if dark else 'light'}")
                if arguments.screenshots:
                    driver.save_screenshot(str(arguments.screenshots / f"docs-{width}.png"))
        finally:
            driver.quit()


if __name__ == "__main__":
    main()
