"""Signing in: what is missing, wrong or of the wrong kind is refused with words, and closing changes nothing."""

from functools import partial

from thetaloom.errors import BrokerUnavailable, ConfigError, NotAllowed
from thetaloom.testing import builders as b
from thetaloom.testing.broker_contract.abilities import Ability
from thetaloom.testing.broker_contract.rig import Rig, error_of
from thetaloom.testing.broker_contract.scenarios import Register

scenario = Register()


def needed_secrets(rig: Rig) -> list[str]:
    """Return the names of the secrets without which nobody gets in."""
    return [one.name for one in rig.gate.plugin.fields if one.is_secret and one.is_needed]


@scenario("CON-002", Ability.SIGN_IN)
def _a_good_setup_signs_in_to_its_account(rig: Rig) -> None:
    opened = rig.gate.open(rig.gate.setup())
    assert opened.broker.account().account_id == opened.broker.account_id == rig.broker.account_id
    assert opened.broker.name == rig.gate.plugin.name


@scenario("CON-003", Ability.SIGN_IN)
def _a_missing_secret_is_named(rig: Rig) -> None:
    good = rig.gate.setup()
    for name in needed_secrets(rig):
        rest = {key: secret for key, secret in good.secrets.items() if key != name}
        error = error_of(partial(rig.gate.open, rig.gate.setup(secrets=rest)))
        assert isinstance(error, ConfigError) and name in str(error), f"{error!r}"


@scenario("CON-004", Ability.SIGN_IN)
def _a_wrong_secret_is_refused_and_never_shown(rig: Rig) -> None:
    good = rig.gate.setup()
    for name in needed_secrets(rig):
        wrong = {**good.secrets, name: "not-the-right-one"}
        error = error_of(partial(rig.gate.open, rig.gate.setup(secrets=wrong)))
        assert isinstance(error, (ConfigError, NotAllowed)), f"{error!r}"
        assert "not-the-right-one" not in f"{error} {error!r}"


@scenario("CON-005", Ability.SIGN_IN, Ability.WIRE)
def _a_broker_that_does_not_answer_is_unavailable(rig: Rig) -> None:
    rig.line.go_down(True)
    soon = {"request_timeout_seconds": "0.5"}
    error = error_of(partial(rig.gate.open, rig.gate.setup(options=soon)))
    rig.line.go_down(False)
    assert isinstance(error, BrokerUnavailable), f"{error!r}"


@scenario("CON-006", Ability.SIGN_IN)
def _an_account_that_is_not_ours_is_refused(rig: Rig) -> None:
    error = error_of(partial(rig.gate.open, rig.gate.setup(account="NOT-OURS-1")))
    assert isinstance(error, ConfigError), f"{error!r}"


@scenario("CON-007", Ability.SIGN_IN, cites="DESIGN 6: live gates")
def _a_paper_account_is_refused_where_real_money_is_wanted(rig: Rig) -> None:
    error = error_of(partial(rig.gate.open, rig.gate.setup(is_live=True)))
    assert isinstance(error, NotAllowed) and error.code == "paper_account_in_live_mode", f"{error!r}"


@scenario("CON-008", Ability.SIGN_IN)
def _closing_leaves_what_works_at_the_broker(rig: Rig) -> None:
    order = b.order(limit="1.50")
    rig.submit(order)
    opened = rig.gate.open(rig.gate.setup())
    opened.close()
    assert [one.client_order_id for one in rig.broker.open_orders()] == [order.client_order_id]


@scenario("CON-009", Ability.SIGN_IN)
def _closing_twice_does_no_harm(rig: Rig) -> None:
    opened = rig.gate.open(rig.gate.setup())
    opened.close()
    opened.close()
    assert rig.broker.open_orders() == []


@scenario("CON-010", Ability.SIGN_IN)
def _without_a_number_the_only_account_is_taken(rig: Rig) -> None:
    opened = rig.gate.open(rig.gate.setup(account=""))
    assert opened.broker.account_id == rig.broker.account_id


@scenario("CON-011", Ability.SIGN_IN)
def _the_plugin_says_the_same_as_the_broker_it_opens(rig: Rig) -> None:
    assert rig.gate.plugin.capabilities == rig.broker.capabilities
    assert rig.gate.plugin.title and all(one.text for one in rig.gate.plugin.fields)
    assert all(note.topic and note.text and note.source for note in rig.broker.capabilities.notes)


@scenario("IDS-009", Ability.SIGN_IN, Ability.KNOWN_IDS, cites="LEAN#9292")
def _an_order_sent_again_by_one_who_lost_his_books_is_no_second_order(rig: Rig) -> None:
    order = b.order(limit="1.50")
    rig.submit(order)
    other = rig.gate.open(rig.gate.setup())
    error_of(partial(other.broker.submit, order))
    assert len(rig.broker.open_orders()) == 1


SCENARIOS = scenario.scenarios
