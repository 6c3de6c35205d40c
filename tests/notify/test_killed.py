"""A process that is killed between sending a message and noting it: the message comes again, under the same id."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from thetaloom.domain.run.notifications import CHOICES, DeliveryStatus, Destination, Message, Topic
from thetaloom.engine.desk import Desk
from thetaloom.engine.postman import LEASE, Postman
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.notify.carrier import AppriseNotifier
from thetaloom.store.database import open_database
from thetaloom.store.queries.notifications import list_deliveries
from thetaloom.store.unit_of_work import SqlStore
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.desk import ANNA, DeskBench
from thetaloom.testing.receivers import Hook

PATIENCE = 300.0  # on a machine that has no time
ROOT = Path(__file__).parents[2]
CHILD = "import sys; from tests.notify.test_killed import carry_all; carry_all(*sys.argv[1:])"


def carry_all(path: str, url: str) -> None:
    """Carry what is due in a database, as a process of its own."""
    database = open_database(Path(path))
    desk = cast(Desk, SimpleNamespace(store=SqlStore(database), clock=SystemClock()))
    postman = Postman(
        desk, AppriseNotifier(lambda user, name: url, answer_seconds=PATIENCE), SystemClock(), "https://desk.example"
    )
    for place, waiting in postman.due().items():
        postman.serve(place, waiting)


def test_a_kill_between_sending_and_noting_sends_again_under_the_same_id(
    sqlite_template: Path, tmp_path: Path, receiver: Hook
) -> None:
    path = tmp_path / "killed.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = open_database(path)
    bench = DeskBench(database)
    now = SystemClock().now()
    told = Destination(user_id=ANNA, name="desk", service="", shown="", topics=CHOICES, saved_at=now)
    with bench.store.unit_of_work() as uow:
        uow.notifications.save_destination(told)
        uow.commit()
    wall = FakeClock(now)
    heir = Postman(
        bench.desk,
        AppriseNotifier(lambda user, name: receiver.url, answer_seconds=PATIENCE),
        wall,
        "https://desk.example",
    )
    heir.tell_all(Message(key="fill:1", topic=Topic.FILL, title="Filled: SPY", body="at 1.00"))

    receiver.gate.clear()
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path), receiver.url], cwd=ROOT)
    assert receiver.came.acquire(timeout=PATIENCE), "the child sends"
    child.kill()
    child.wait()
    receiver.gate.set()
    assert heir.due() == {}, "the lease of the dead one still runs"
    wall.move_to(SystemClock().now() + LEASE)
    for place, waiting in heir.due().items():
        heir.serve(place, waiting)

    ids = {headers["idempotency-key"] for headers, _ in receiver.received}
    (noted,) = list_deliveries(database, ANNA).rows
    assert (noted.status, noted.attempts) == (DeliveryStatus.SENT, 2)
    assert ids == {noted.id}
    database.close()
