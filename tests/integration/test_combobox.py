"""The client of completions in a real browser, on a page that `etalage serve` serves: what is asked for, what is shown, and what it is to
those who don't see it."""

from __future__ import annotations

import shutil
import signal
import socket
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys

from autocomplete import shelf
from autocomplete.index import columns
from autocomplete.querylog import BRAND, Entry
from etalage.core.settings import load
from etalage.http import keys
from workers import parts

from ..conftest import unavailable
from .browser import Page
from .test_serve import PATIENCE, start, until

pytestmark = [pytest.mark.browser, pytest.mark.worker]

EVIL = "<img src=x onerror=hacked()> shoes"
SHOP = [
    Entry("red shoes", 9.0, category="Goods > Shoes"),
    Entry("red lamp", 8.0),
    Entry("Redwood", 7.0, BRAND),
    Entry(EVIL, 6.0, category="<b>Goods</b>"),
    Entry("静音鼠标", 5.0),
]
RED = ["red shoes Goods > Shoes", "red lamp", "Redwood"]


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    browser, bridge = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or bridge is None:
        unavailable("browser", "chromium and chromedriver are not installed")
        return
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server"):
        options.add_argument(word)
    try:
        started = webdriver.Chrome(options, Service(bridge))
    except WebDriverException as error:
        unavailable("browser", str(error.msg))
        return
    try:
        yield started
    finally:
        started.quit()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """URL and API key of a shop that asks for one."""
    home = tmp_path_factory.mktemp("shop")
    shelf.write(parts.completions_folder(load(home=home)), columns(SHOP), {})
    key, entry = keys.new("page", ["suggest"])
    keys.append(home / "keys.json", entry)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = start(home, port, ETALAGE_KEYS=str(home / "keys.json"), ETALAGE_ORIGINS=url)
    try:
        until(f"{url}/healthz", 200)
        yield url, key
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=PATIENCE)
        assert b"Traceback" not in log
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def page(driver: webdriver.Chrome, served: tuple[str, str]) -> Iterator[Page]:
    page = Page(driver, *served)
    page.cdp("Network.enable")
    page.cdp("Network.setCacheDisabled", cacheDisabled=True)  # what one test asked for is not there for the next
    page.open()
    yield page
    assert page.js("return window.faults ?? []") == []


def test_what_is_typed_is_completed(page: Page) -> None:
    page.press("red")
    page.shows(RED)
    assert page.js("return [...document.querySelectorAll('.etalage mark')].map((one) => one.innerText)") == [
        "red"
    ] * 2 + ["Red"]
    page.press("w")
    page.shows(["Redwood"])
    assert page.value() == "redw"
    page.enter("s")
    page.shows(["静音鼠标", RED[0], f"{EVIL} <b>Goods</b>"])  # shǔ biāo
    assert page.js("return document.querySelectorAll('.etalage li')[1].innerHTML").startswith("red <mark>s</mark>hoes ")


def test_what_is_typed_at_once_is_asked_for_once(page: Page) -> None:
    page.enter("r", "re", "red")
    page.shows(RED)
    assert page.asked() == ["red"]


def test_what_was_answered_is_not_asked_for_again(page: Page) -> None:
    for value, expected in (("red", RED), ("redw", ["Redwood"]), ("red", RED)):
        page.enter(value)
        page.shows(expected)
    assert page.asked() == ["red", "redw"]
    page.press(Keys.ESCAPE)
    page.enter("red ")
    page.until(lambda: page.asked() == ["red", "redw", "red "])


def test_an_answer_that_comes_late_is_dropped(page: Page) -> None:
    page.js("held = true")
    page.enter("red")
    page.until(lambda: page.asked() == ["red"])
    page.js("held = false")
    page.enter("redw")
    page.shows(["Redwood"])
    page.js("asked[0].release()")
    page.until(lambda: page.js("return asked[0].answered"))
    assert [one["aborted"] for one in page.js("return asked")] == [True, False]
    assert page.options() == ["Redwood"]


def test_nothing_opens_once_the_field_is_left_or_the_search_sent(page: Page) -> None:
    for leave in (Keys.TAB, Keys.ENTER, Keys.ESCAPE):
        page.open()
        page.js("held = true")
        page.enter("red")
        page.until(lambda: page.asked() == ["red"])
        if leave == Keys.ESCAPE:  # it is about a list that is shown
            page.js("held = false; asked[0].release()")
            page.shows(RED)
        page.press(leave)
        if leave != Keys.ESCAPE:
            page.js("asked[0].release()")
        page.until(lambda: page.js("return asked[0].answered"))
        assert page.options() == [] and page.value() == "red"
        assert page.js("return chosen") == (["red"] if leave == Keys.ENTER else [])


def test_keys_move_choose_and_close(page: Page) -> None:
    page.press("red")
    page.shows(RED)
    assert page.active() is None
    moves = [
        (Keys.DOWN, 0),
        (Keys.DOWN, 1),
        (Keys.UP, 0),
        (Keys.UP, None),
        (Keys.UP, 2),
        (Keys.DOWN, None),
        (Keys.DOWN, 0),
    ]
    moves += [
        (Keys.HOME, None),
        (Keys.DOWN, 0),
        (Keys.END, None),
        (Keys.DOWN, 0),
        (Keys.ARROW_LEFT, None),
        (Keys.DOWN, 0),
    ]
    for key, at in moves:
        page.press(key)
        assert page.active() == (None if at is None else RED[at]), (key, at)
        assert page.value() == "red" and page.options() == RED
    page.press(Keys.DOWN, Keys.ENTER)
    assert page.value() == "red lamp" and page.options() == []
    assert page.js("return chosen") == ["red lamp"]


def test_escape_closes_and_arrow_down_opens(page: Page) -> None:
    page.press("red")
    page.shows(RED)
    page.press(Keys.DOWN, Keys.ESCAPE)
    assert page.options() == [] and page.value() == "red" and page.active() is None
    page.press(Keys.DOWN)
    page.shows(RED)
    page.press(Keys.DOWN, Keys.TAB)
    assert page.value() == "red shoes" and page.options() == []
    assert page.js("return document.activeElement.tagName") == "BUTTON" and page.js("return chosen") == []


def test_nothing_typed_gives_the_best(page: Page) -> None:
    page.press(Keys.DOWN)
    page.shows([*RED, f"{EVIL} <b>Goods</b>", "静音鼠标"])


def test_a_completion_is_chosen_by_mouse_and_by_touch(page: Page) -> None:
    for touch in (False, True):
        page.open("onSelect: (one) => chosen.push(`${one.type}: ${one.text}`)")
        page.press("red")
        page.shows(RED)
        place = page.js(
            "const at = document.querySelectorAll('.etalage li')[2].getBoundingClientRect(); return [at.x + 9, at.y + 9]"
        )
        at = dict(zip("xy", place, strict=True))
        if touch:
            page.cdp("Input.dispatchTouchEvent", type="touchStart", touchPoints=[at])
            page.cdp("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        else:
            for kind in ("mousePressed", "mouseReleased"):
                page.cdp("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)
        page.until(lambda: page.js("return chosen") == ["brand: Redwood"])
        assert page.value() == "Redwood" and page.options() == []
        assert page.js("return document.activeElement.tagName") == "INPUT"


def test_what_a_screen_reader_is_told(page: Page) -> None:
    (field,) = page.told("combobox")
    assert field["name"] == "Search" and field["autocomplete"] == "list" and field["hasPopup"] == "listbox"
    assert not field["expanded"] and page.told("listbox") == page.told("option") == []
    page.press("red")
    page.shows(RED)
    page.press(Keys.DOWN)
    (field,) = page.told("combobox")
    assert field["expanded"] and field["focused"]
    assert [one["name"] for one in page.told("listbox")] == ["completions"]
    assert [(one["name"], one["selected"]) for one in page.told("option")] == [(text, text == RED[0]) for text in RED]
    (status,) = page.told("status")
    assert status["live"] == "polite"
    assert page.js("return document.querySelector('[role=status]').innerText") == "3 completions"
    of = page.js(
        "const one = document.querySelector('input');"
        "return ['aria-controls', 'aria-activedescendant'].map((name) => document.getElementById(one.getAttribute(name))?.role)"
    )
    assert of == ["listbox", "option"]
    page.press(Keys.ESCAPE)
    assert page.js("return document.querySelector('[role=status]').innerText") == ""


def test_a_completion_is_text_and_never_markup(page: Page) -> None:
    page.press("shoes <im")
    page.shows([f"{EVIL} <b>Goods</b>"])
    assert page.js("return document.querySelectorAll('.etalage img, .etalage b').length") == 0
    assert page.js("return document.querySelector('.etalage li').firstChild.data ?? ''").startswith("<")
    page.press(Keys.DOWN, Keys.ENTER)
    assert page.value() == EVIL
    page.enter("(red|[*")
    page.shows(RED)


def test_nothing_is_asked_for_while_an_input_method_composes(page: Page) -> None:
    for composed in ("j", "jing", "静"):
        page.cdp("Input.imeSetComposition", text=composed, selectionStart=len(composed), selectionEnd=len(composed))
    assert page.value() == "静"
    # A timer that was set before this one would have fired by then.
    page.driver.execute_async_script("setTimeout(arguments[0], 50)")
    assert page.asked() == []
    page.cdp("Input.insertText", text="静音")
    page.shows(["静音鼠标"])
    assert set(page.asked()) == {"静音"}
    assert page.js("return document.querySelector('.etalage mark').innerText") == "静音"


def test_keys_of_an_input_method_are_its_own(page: Page) -> None:
    page.press("red")
    page.shows(RED)
    page.press(Keys.DOWN)
    for key in ("ArrowDown", "Enter", "Escape"):
        kept = page.js(
            f"return document.querySelector('input').dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', keyCode: 229, cancelable: true }}))"
        )
        assert kept and page.active() == RED[0] and page.options() == RED


def test_what_was_searched_for_is_sent_along_only_when_told_to(page: Page) -> None:
    def search(*queries: str) -> list[str]:
        for query in queries:
            page.enter(query)
            page.press(Keys.ENTER)
        page.js("asked.length = 0")
        page.press(Keys.DOWN)
        page.until(lambda: page.js("return asked.length"))
        found: list[str] = page.js("return asked.map((one) => one.after)")
        return found

    assert search("lamp", "sofa") == [""] and page.js("return sessionStorage.length") == 0
    page.open("session: sessionStorage")
    assert search("lamp", "sofa") == ["sofa,lamp,"]
    page.open("session: sessionStorage")
    assert search("a", "b", "c", "d", "e", "f") == ["f,e,d,c,b"]


def test_the_field_works_as_before_where_the_service_is_away(page: Page) -> None:
    page.press("red")
    page.shows(RED)
    offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.cdp("Network.emulateNetworkConditions", offline=True, **offline)
    try:
        page.press("w")
        page.shows([])
        assert page.value() == "redw"
        page.press(Keys.ENTER)
        assert page.js("return chosen") == ["redw"]
    finally:
        page.cdp("Network.emulateNetworkConditions", offline=False, **offline)
    page.enter("red")
    page.shows(RED)


@pytest.mark.parametrize("headers", ["{}", '{ authorization: "ApiKey wrong" }'])
def test_a_refusal_shows_nothing(page: Page, headers: str) -> None:
    page.open(f"headers: {headers}")
    page.press("red")
    page.until(lambda: page.js("return asked[0]?.answered"))
    assert page.options() == [] and page.value() == "red"


def test_a_service_of_another_origin_is_asked_with_the_key_where_it_lets_pages(
    page: Page, served: tuple[str, str]
) -> None:
    here, _ = served
    there = here.replace("127.0.0.1", "localhost")
    page.open(f"url: '{there}/v1/suggest'")
    page.press("red")
    page.shows(RED)
    other = Page(page.driver, there, served[1])
    other.open(f"url: '{here}/v1/suggest'")
    other.press("red")
    other.until(lambda: other.js("return asked[0]?.answered"))
    assert other.options() == [] and other.value() == "red"


def test_the_page_to_try_it_on(page: Page, served: tuple[str, str]) -> None:
    url, key = served
    page.driver.get("about:blank")
    page.driver.get(f"{url}/v1/suggest.html#{key}")
    page.until(lambda: page.js("return document.querySelector('input').role") == "combobox")
    page.js("document.querySelector('input').focus()")
    page.press("red")
    page.shows(RED)
    field, shown = page.js(
        "return ['input', '.etalage'].map((one) => document.querySelector(one).getBoundingClientRect()).map((one) => [one.top, one.bottom])"
    )
    assert shown[0] >= field[1] - 1, "the list is under the field"
    page.press(Keys.DOWN, Keys.ENTER)
    page.until(lambda: "lacks the scope search" in page.js("return document.getElementById('told').innerText"))
