"""What a person gave to an adapter is read strictly, and what is wrong is named with what to do."""

import pytest

from thetaloom.errors import ConfigError
from thetaloom.links.given_setup import GivenSetup
from thetaloom.ports.broker_plugin import SetupField

FIELDS = (
    SetupField(name="api-key", text="A key.", is_secret=True),
    SetupField(name="pin", text="Another.", is_secret=True),
    SetupField(name="feed", text="Which feed.", is_needed=False, default="slow"),
    SetupField(name="url", text="Where.", is_needed=False),
    SetupField(name="seconds", text="How long.", is_needed=False, default="2.5"),
    SetupField(name="lines", text="How many.", is_needed=False, default="100"),
)
SECRETS = {"api-key": " key ", "pin": "1"}


def given(**options: str) -> GivenSetup:
    return GivenSetup("acme", FIELDS, options, SECRETS)


def test_what_was_not_given_has_its_default() -> None:
    setup = given(url="http://127.0.0.1:1/")

    assert setup.secret("api-key") == "key"
    assert setup.address("url") == "http://127.0.0.1:1" and setup.one_of("feed", ("slow", "fast")) == "slow"
    assert setup.number("seconds", 0, 10) == 2.5 and setup.whole("lines", 1, 1000) == 100


def test_what_was_given_empty_is_empty() -> None:
    assert given(feed=" ").text("feed") == ""


def test_every_missing_secret_is_named_with_its_command() -> None:
    with pytest.raises(ConfigError, match="acme needs api-key and pin") as refused:
        GivenSetup("acme", FIELDS, {}, {"pin": "  "})

    assert refused.value.advice == "thetaloom secret set acme api-key && thetaloom secret set acme pin"


def test_an_unknown_option_is_named_beside_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="acme has no option sekonds") as refused:
        given(sekonds="1")

    assert refused.value.advice == "Its options are feed, lines, seconds, url."


@pytest.mark.parametrize("text", ["", "soon", "-1", "0.5", "11", "nan", "inf", "1e1", "٣", "1,5"])
def test_a_number_that_is_none_or_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match='acme: the option seconds is "') as refused:
        given(seconds=text).number("seconds", 1, 10)

    assert refused.value.advice == "Write a number from 1 to 10."


@pytest.mark.parametrize("text", ["", "2.0", "0", "1001", "many", "²"])
def test_a_whole_number_that_is_none_or_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="option lines"):
        given(lines=text).whole("lines", 1, 1000)


def test_a_word_that_is_none_of_those_known_is_refused() -> None:
    with pytest.raises(ConfigError, match="option feed") as refused:
        given(feed="quick").one_of("feed", ("slow", "fast"))

    assert refused.value.advice == "Write one of slow, fast."
