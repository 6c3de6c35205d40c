"""The builder in a real browser: form and TOML follow each other, mistakes stand at their fields, the picture moves."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_form_and_toml_follow_each_other_while_one_types(page: Page, address: str) -> None:
    page.goto(f"{address}/strategies/new")
    toml, checked = page.locator("#toml"), page.locator("#checked")
    expect(page.locator("#builder-result svg.payoff")).to_be_visible()

    page.get_by_label("Wished days").fill("22")
    expect(toml).to_have_value(re.compile("dte_target = 22"))
    expect(checked).to_have_text("It is a strategy.")

    page.fill("[name='legs[1].select.of']", "nobody")
    expect(checked).to_have_text("1 thing to mend")
    expect(page.locator(".field-error:not(:empty)")).to_contain_text("nobody")

    toml.fill(toml.input_value().replace('of = "nobody"', 'of = "short_put"'))
    expect(page.locator("[name='legs[1].select.of']")).to_have_value("short_put")
    expect(page.locator(".field-error:not(:empty)")).to_have_count(0)

    page.locator("button[value='add:legs']").click()
    expect(page.locator("[name='legs[2].name']")).to_have_value("leg_1")
    page.locator("button[value='remove:legs[2]']").click()
    expect(page.locator("[name='legs[2].name']")).to_have_count(0)

    page.get_by_label("Id", exact=True).fill("by-mouse")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_have_text(
        "The strategy is saved. Runs under way keep the revision they started with."
    )
    assert page.url.startswith(f"{address}/strategies/by-mouse")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
