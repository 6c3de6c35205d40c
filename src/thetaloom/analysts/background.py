"""An analyst that answers later: asked in a thread of its own, so that whoever watches positions never waits for it."""

from concurrent.futures import Future
from dataclasses import replace
from threading import Lock, Semaphore, Thread

from thetaloom.domain.market.opinions import AnalysisRequest, NoOpinion, Opinion
from thetaloom.domain.values.canonical import canonical_json, digest_of
from thetaloom.errors import AnswerPending
from thetaloom.ports.analyst import Analyst

AT_ONCE_MAX = 4
WAITING_MAX = 100  # questions under way or not fetched yet
FULL = "too_many_questions: the model has not answered the earlier ones yet"


class BackgroundAnalyst:
    """Asks ``analyst`` aside; ``opine`` raises ``AnswerPending`` until the answer to this very question is there."""

    def __init__(self, analyst: Analyst) -> None:
        self.name = analyst.name
        self._analyst = analyst
        self._room = Semaphore(AT_ONCE_MAX)
        self._asked: dict[str, Future[Opinion | NoOpinion]] = {}
        self._lock = Lock()

    def opine(self, request: AnalysisRequest) -> Opinion | NoOpinion:
        """Return the answer once it is there; it is handed out once, with the time of the question that fetches it."""
        key = _key(request)
        with self._lock:
            future = self._asked.get(key)
            if future is None:
                if len(self._asked) >= WAITING_MAX and not self._make_room():
                    return NoOpinion(analyst=self.name, reason=FULL, made_at=request.now)
                self._asked[key] = self._start(request)
                raise AnswerPending(f"{self.name} was asked about {request.symbol}")
            if not future.done():
                raise AnswerPending(f"{self.name} has not answered about {request.symbol} yet")
            del self._asked[key]
        return replace(future.result(), made_at=request.now)

    def _make_room(self) -> bool:
        # An answer that nobody fetched is of a run that has ended; asked again, it comes from the book of calls.
        answered = next((key for key, future in self._asked.items() if future.done()), None)
        if answered is not None:
            del self._asked[answered]
        return answered is not None

    def _start(self, request: AnalysisRequest) -> Future[Opinion | NoOpinion]:
        # A daemon: a process that ends waits for no model.
        future: Future[Opinion | NoOpinion] = Future()
        Thread(target=self._answer, args=(request, future), name="analyst", daemon=True).start()
        return future

    def _answer(self, request: AnalysisRequest, future: Future[Opinion | NoOpinion]) -> None:
        with self._room:
            try:
                future.set_result(self._analyst.opine(request))
            except BaseException as error:  # noqa: BLE001  # whoever fetches the answer gets it raised
                future.set_exception(error)


def _key(request: AnalysisRequest) -> str:
    # The same question is asked again a moment later: the time of asking is no part of it.
    asked = {
        "symbol": request.symbol,
        "prompt": request.prompt,
        "spot": request.spot,
        "pictures": [chart.picture.digest for chart in request.charts],
    }
    return digest_of(canonical_json(asked))
