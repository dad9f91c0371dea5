"""What the clients of a soak send, good and bad, and how: kinds that are drawn by their weights."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

import bad_http
from bad_images import REFUSED as BAD_IMAGES

from soak.judge import Judge, Refusal, is_a_picture_or_bad, or_status, predictions_are, status_is
from soak.photos import Picture
from soak.versions import DEFAULT, Versions

MAX_UPLOAD_BYTES = 3_000_000  # the setting; rows of bad_http count on it
FORM = b"Content-Type: multipart/form-data; boundary=XYZ\r\n"
JSON = b"Content-Type: application/json\r\n"
PAGES = ("/", "/healthz", "/readyz", "/metrics", "/static/page.js")
# What each model is asked of; the larger ones take the most of two cores.
MODELS = {DEFAULT: 20, "flowers": 3, "imagenet": 1}


class Way(Enum):
    """How a client behaves."""

    KEPT = auto()  # on a connection that it has and keeps
    NEW = auto()
    HALF_CLOSED = auto()  # says that it sends no more
    SLOW_READER = auto()
    LEAVES = auto()  # without an answer
    RESETS = auto()


@dataclass(frozen=True)
class Exchange:
    """Something to send, and what should come back.

    Attributes:
        kind: its name in the table.
        pieces: of what is sent.
        judges: of each answer, in their order.
        way: how.
        pause_s: between two pieces.
        may_be_cut: whether no answer is an answer.
    """

    kind: str
    pieces: tuple[bytes, ...]
    judges: tuple[Judge, ...]
    way: Way = Way.KEPT
    pause_s: float = 0.0
    may_be_cut: bool = False


class Exchanges:
    """Draws what is sent; each client has one of its own.

    Args:
        pictures: of which the answers are known.
        versions: that know them.
        rng: draws.
    """

    def __init__(self, pictures: Sequence[Picture], versions: Versions, rng: random.Random) -> None:
        self._pictures, self._versions, self._rng = pictures, versions, rng
        self._weights = [0.1 if picture.is_rare else 1.0 for picture in pictures]
        self._bad = [(case.make(), case) for case in BAD_IMAGES]
        self._kinds = {
            self.one: 30,
            self.one_on_a_new_connection: 12,
            self.one_in_a_form: 10,
            self.several: 6,
            self.several_as_json: 5,
            self.in_chunks: 5,
            self.slowly: 4,
            self.sent_ahead: 3,
            self.read_slowly: 2,
            self.half_closed: 3,
            self.given_up: 4,
            self.with_no_time: 2,
            self.bad_picture: 5,
            self.changed_picture: 4,
            self.bad_http: 6,
            self.missing_version: 1,
            self.page: 5,
        }

    def draw(self) -> Exchange:
        [make] = self._rng.choices(list(self._kinds), list(self._kinds.values()))
        return make()

    def one(self) -> Exchange:
        [model] = self._rng.choices(list(MODELS), list(MODELS.values()))
        [picture] = self._some(1)
        target = "/predict" if model == DEFAULT else f"/predict?model={model}"
        return self._exchange("one picture", self._post(picture, target), [picture], model=model)

    def one_on_a_new_connection(self) -> Exchange:
        [picture] = self._some(1)
        return self._exchange("one picture, a new connection", self._post(picture), [picture], way=Way.NEW)

    def one_in_a_form(self) -> Exchange:
        return self._form("a form of one", self._some(1))

    def several(self) -> Exchange:
        return self._form(
            "a form of several, some bad", self._with_bad(self._some(self._rng.randint(2, 6), is_rare=False))
        )

    def several_as_json(self) -> Exchange:
        expected = self._with_bad(self._some(self._rng.randint(1, 3), is_rare=False))
        body = json.dumps({"images": [base64.b64encode(self._content(each)).decode() for each in expected]})
        request = bad_http.post(body.encode(), JSON)
        return self._exchange("JSON of several, some bad", request, [each_of(each) for each in expected])

    def in_chunks(self) -> Exchange:
        [picture] = self._some(1)
        body, size = self._content(picture), self._rng.choice([50, 5000, 50_000])
        pieces = [body[start : start + size] for start in range(0, len(body), size)] if len(body) < 10**5 else [body]
        coded = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))
        return self._exchange("chunks", bad_http.chunked(coded), [picture])

    def slowly(self) -> Exchange:
        [picture] = self._some(1)
        request = self._post(picture)
        cuts = sorted(self._rng.randrange(len(request)) for _ in range(4))
        pieces = [request[start:end] for start, end in zip([0, *cuts], [*cuts, len(request)], strict=True)]
        judge = predictions_are([picture], self._versions)
        return Exchange("one picture, slowly", tuple(pieces), (judge,), Way.NEW, pause_s=self._rng.uniform(0.02, 0.4))

    def sent_ahead(self) -> Exchange:
        some = self._some(3)
        request = b"".join(map(self._post, some))
        judges = tuple(predictions_are([picture], self._versions) for picture in some)
        return Exchange("three sent ahead of their answers", (request,), judges)

    def read_slowly(self) -> Exchange:
        return Exchange("a page, read slowly", (bad_http.get(),), (status_is(200),), Way.SLOW_READER)

    def half_closed(self) -> Exchange:
        [picture] = self._some(1)
        judge = or_status(499, predictions_are([picture], self._versions))  # it counts as gone
        return Exchange("one picture, half closed", (self._post(picture),), (judge,), Way.HALF_CLOSED, may_be_cut=True)

    def given_up(self) -> Exchange:
        [picture] = self._some(1)
        request = self._post(picture)
        sent = request[: self._rng.choice([10, len(request) // 2, len(request) - 1, len(request)])]
        way = self._rng.choice([Way.LEAVES, Way.RESETS])
        return Exchange("one picture, given up", (sent,), (), way, pause_s=self._rng.uniform(0, 0.05))

    def with_no_time(self) -> Exchange:
        [picture] = self._some(1)
        request = bad_http.post(self._content(picture), b"X-Request-Timeout-Ms: 1\r\n")
        judge = or_status(504, predictions_are([picture], self._versions))
        return Exchange("one picture, within 1 ms", (request,), (judge,))

    def bad_picture(self) -> Exchange:
        content, case = self._rng.choice(self._bad)
        refusal = Refusal(case.status, message=case.message)
        return self._exchange("a bad picture", bad_http.post(content), [refusal], way=Way.NEW)

    def changed_picture(self) -> Exchange:
        [picture] = self._some(1, is_rare=False)
        content = bytearray(self._content(picture))
        if self._rng.random() < 0.5:
            del content[self._rng.randrange(20, len(content)) :]
        for _ in range(self._rng.randint(0, 5)):
            content[self._rng.randrange(len(content))] ^= 1 << self._rng.randrange(8)
        return Exchange("a picture with wrong bytes", (bad_http.post(bytes(content)),), (is_a_picture_or_bad,))

    def bad_http(self) -> Exchange:
        _, sent, status, code = self._rng.choice(bad_http.ROWS)
        return Exchange("bad HTTP", (sent,), (status_is(status, code=code),), Way.HALF_CLOSED)

    def missing_version(self) -> Exchange:
        [picture] = self._some(1, is_rare=False)
        request = self._post(picture, "/predict?version=999999")
        return Exchange("a version that is not there", (request,), (status_is(404, code="version_not_found"),))

    def page(self) -> Exchange:
        path = self._rng.choice(PAGES)
        return Exchange("GET " + path, (bad_http.get(path.encode()),), (status_is(200),))

    def _some(self, number: int, *, is_rare: bool | None = None) -> list[int]:
        there = range(len(self._pictures))
        if is_rare is not None:
            there = [each for each in there if self._pictures[each].is_rare == is_rare]
        return self._rng.choices(there, [self._weights[each] for each in there], k=number)

    def _with_bad(self, some: list[int]) -> list[int | tuple[bytes, Refusal]]:
        """Put a bad picture among good ones, mostly."""
        mixed: list[int | tuple[bytes, Refusal]] = list(some)
        if self._rng.random() < 0.7:
            content, case = self._rng.choice(self._bad)
            mixed.insert(self._rng.randint(0, len(some)), (content, Refusal(case.status, message=case.message)))
        return mixed

    def _content(self, each: int | tuple[bytes, Refusal]) -> bytes:
        return each[0] if isinstance(each, tuple) else self._pictures[each].content

    def _post(self, picture: int, target: str = "/predict") -> bytes:
        return bad_http.post(self._content(picture), target=target.encode())

    def _form(self, kind: str, some: Sequence[int | tuple[bytes, Refusal]]) -> Exchange:
        names = [f"{self._rng.randrange(10**9)}.jpg" for _ in some]
        head = 'Content-Disposition: form-data; name="image"; filename="{}"'
        request = bad_http.form(
            *[(head.format(name).encode(), self._content(each)) for name, each in zip(names, some, strict=True)]
        )
        return self._exchange(kind, request, [each_of(each) for each in some], names=names)

    def _exchange(self, kind, request, expected, *, model=DEFAULT, names=(), way=Way.KEPT):
        judge = predictions_are(expected, self._versions, model=model, names=names)
        return Exchange(kind, (request,), (judge,), way)


def each_of(drawn: int | tuple[bytes, Refusal]) -> int | Refusal:
    return drawn[1] if isinstance(drawn, tuple) else drawn
