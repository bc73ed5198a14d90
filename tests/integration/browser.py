"""A page in a real browser, with one field that is completed, as tests drive and see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from selenium import webdriver
from selenium.webdriver.support.wait import WebDriverWait

from .test_serve import PATIENCE

SPY = """
window.asked = []; window.faults = []; window.chosen = []; window.held = false
addEventListener("error", (event) => faults.push(event.message))
addEventListener("unhandledrejection", (event) => faults.push(`${event.reason}`))
const real = window.fetch
window.fetch = (url, options) => {
    const of = new URL(url, location)
    const one = { q: of.searchParams.get("q"), after: of.searchParams.get("after"), aborted: false, answered: false }
    asked.push(one)
    options?.signal?.addEventListener("abort", () => { one.aborted = true })
    const go = () => real(url, options).finally(() => { one.answered = true })
    return held ? new Promise((done) => { one.release = () => done(go()) }) : go()
}
"""
"""Notes what is asked for, lets the test hold answers back, and catches what nobody else does."""

ATTACH = """
const done = arguments[arguments.length - 1]
document.body.innerHTML = '<form style="position: relative"><input aria-label="Search"><button>Go</button></form><a href="#">next</a>'
document.forms[0].addEventListener("submit", (event) => {
    event.preventDefault()
    chosen.push(document.querySelector("input").value)
})
import("/v1/suggest.js").then(({ default: etalage }) => {
    etalage(document.querySelector("input"), { headers: { authorization: "ApiKey KEY" }, debounce: 1, OPTIONS })
    done()
})
"""


class Page:
    """A page of one field with completions."""

    def __init__(self, driver: webdriver.Chrome, url: str, key: str) -> None:
        self.driver, self._url, self._key = driver, url, key

    def open(self, options: str = "") -> None:
        """A new page, the field focused; `options` are more of the client's, as JavaScript."""
        self.driver.get("about:blank")
        self.driver.get(f"{self._url}/v1/suggest.html")
        self.js("sessionStorage.clear()")
        self.js(SPY)
        self.driver.execute_async_script(ATTACH.replace("OPTIONS", options).replace("KEY", self._key))
        self.js("document.querySelector('input').focus()")

    def js(self, script: str) -> Any:
        return self.driver.execute_script(script)  # type: ignore[no-untyped-call]

    def cdp(self, command: str, **given: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, given)

    def press(self, *typed: str) -> None:
        """Real keys, to whatever has the focus."""
        self.driver.switch_to.active_element.send_keys(*typed)

    def enter(self, *values: str) -> None:
        """The field takes one value after the other, without a moment between them."""
        for value in values:
            assert '"' not in value
        events = "".join(f'one.value = "{value}"; one.dispatchEvent(new InputEvent("input"));' for value in values)
        self.js(f"const one = document.querySelector('input'); {events}")

    def until(self, condition: Callable[[], Any]) -> None:
        WebDriverWait(self.driver, PATIENCE, 0.02).until(lambda _: condition())

    def options(self) -> list[str]:
        shown: list[str] = self.js(
            "const list = document.querySelector('.etalage');"
            "return list.hidden ? [] : [...list.children].map((one) => one.innerText)"
        )
        return shown

    def active(self) -> str | None:
        """The option that is chosen with Enter."""
        named: str | None = self.js(
            "return document.getElementById(document.querySelector('input').getAttribute('aria-activedescendant'))?.innerText"
        )
        selected: list[str] = self.js(
            "return [...document.querySelectorAll('[aria-selected=true]')].map((one) => one.innerText)"
        )
        assert selected == ([] if named is None else [named])
        return named

    def asked(self) -> list[str]:
        return [one["q"] for one in self.js("return asked")]

    def value(self) -> str:
        told: str = self.js("return document.querySelector('input').value")
        return told

    def shows(self, expected: list[str]) -> None:
        self.until(lambda: self.options() == expected)

    def tree(self) -> list[dict[str, Any]]:
        """What a screen reader is told: role, name and states of every node that is told at all."""
        nodes = self.cdp("Accessibility.getFullAXTree")["nodes"]
        return [
            {"role": one["role"]["value"], "name": one.get("name", {}).get("value", "")}
            | {each["name"]: each["value"].get("value", each["value"]) for each in one.get("properties", ())}
            for one in nodes
            if not one["ignored"]
        ]

    def told(self, role: str) -> list[dict[str, Any]]:
        return [one for one in self.tree() if one["role"] == role]
