"""The request path without HTTP."""

from __future__ import annotations

import gc
import socket
import threading
import tracemalloc
import weakref
from dataclasses import replace

import pytest
from engines import MODEL, SOON_S, RunningEngine, serving, small_table, wait_until

from models.answers import Prediction
from models.errors import CorruptImage, EmptyImage, ImageTooLarge, UnsupportedImage
from models.pixels.preprocessing import ImageLimits
from server.classify import Classifier, Upload
from server.decoding.decoder import MAX_PLAIN_DECODES, Decoder
from server.engine.catalogue import ServedModel, key_of
from server.engine.client import EngineClient
from server.engine.errors import ClientGone, DeadlineExceeded, EngineFailed, EngineNotReady, ModelGone
from server.engine.explanation import NOTHING
from server.engine.shared_catalogue import write_catalogue
from server.engine.slot import Slot
from server.engine.traffic_split import TrafficSplit
from server.metrics import Metrics
from server.request_errors import Overloaded, RequestError


def classify(classifier, *contents, top_k=3, timeout_s=10.0, **options):
    return classifier.classify([Upload(content) for content in contents], top_k=top_k, timeout_s=timeout_s, **options)


def test_answers_come_in_the_order_of_the_uploads(engine, encode):
    classified = classify(Classifier(engine), encode("blue"), memoryview(encode("red")), top_k=1)
    assert classified.model.name == "colours"
    assert [answer.top_k[0].label for answer in classified.answers] == ["blue", "red"]


def test_each_bad_image_has_its_own_error(runtime, encode):
    running = RunningEngine(runtime, num_slots=6)
    contents = [b"", b"hello", encode("red")[:40], encode("red"), encode("red", size=(200, 200)), encode((13, 13, 13))]
    answers = classify(
        Classifier(running.client, decoder=Decoder(limits=ImageLimits(max_pixels=10_000))), *contents
    ).answers
    running.close()
    kinds = [EmptyImage, UnsupportedImage, CorruptImage, Prediction, ImageTooLarge, EngineFailed]
    assert [type(answer) for answer in answers] == kinds


@pytest.mark.parametrize("end", [None, -40, 5], ids=["good", "corrupt", "no image"])
def test_nothing_is_left_of_an_upload_once_it_is_answered(engine, encode, end):
    class Body(bytearray):
        """Bytes that can be watched."""

    body = Body(encode("red")[:end])
    watched = weakref.ref(body)
    gc.disable()  # which frees later what only a cycle of dead objects holds
    try:
        answers = classify(Classifier(engine), memoryview(body)).answers
        del body
        assert watched() is None
    finally:
        gc.enable()
    assert len(answers) == 1


def test_every_image_of_a_request_that_fails_as_a_whole_is_counted(engine, encode):
    metrics = Metrics()
    engine.close()
    with pytest.raises(EngineNotReady):
        classify(Classifier(engine, metrics=metrics), encode(), encode(), encode())
    labels = {"model": "colours", "version": "3", "outcome": "not_ready"}
    assert metrics.registry.get_sample_value("opsin_images_total", labels) == 3


def test_deadline_is_checked_before_each_image_is_decoded(engine, encode):
    ticks = iter(range(100))

    def clock():
        return next(ticks)

    classifier = Classifier(engine, decoder=Decoder(clock=clock), clock=clock)
    with pytest.raises(DeadlineExceeded):
        classify(classifier, encode(), encode(), encode(), timeout_s=2.0)


def test_late_model_is_a_deadline_exceeded(engine, runtime, encode):
    runtime.may_run.clear()
    with pytest.raises(DeadlineExceeded):
        classify(Classifier(engine), encode(), timeout_s=0.05)


def test_closed_engine_is_not_ready(engine, encode):
    engine.close()
    with pytest.raises(EngineNotReady):
        classify(Classifier(engine), encode())


def test_model_that_is_replaced_while_the_image_is_decoded_is_asked_for_anew(engine, running, encode):
    newer = ServedModel(MODEL.name, MODEL.version + 1, MODEL.labels, MODEL.pixels)

    class SlowUpload:
        filename = None

        @property
        def content(self):
            running.runners.models = {key_of(newer.name, newer.version): running.loaded}
            write_catalogue(running.table, 0, serving(newer))
            return encode("red")

    classified = Classifier(engine).classify([SlowUpload()], top_k=1, timeout_s=10.0)
    assert classified.model == newer
    assert classified.answers[0].top_k[0].label == "red"


@pytest.fixture
def uploads_that_end_sending(encode):
    """Two uploads and our end of their client's connection, which is half closed when they are read."""
    ours, client = socket.socketpair()

    class UploadThatEndsSending:
        filename = None

        @property
        def content(self):
            client.shutdown(socket.SHUT_WR)
            return encode("red")

    with ours, client:
        yield [UploadThatEndsSending(), UploadThatEndsSending()], ours.fileno()


def test_nothing_more_is_decoded_for_a_client_that_has_gone(engine, encode, uploads_that_end_sending, monkeypatch):
    (first, second), client_fd = uploads_that_end_sending
    classifier = Classifier(engine)
    with monkeypatch.context() as patches:
        patches.delattr("server.decoding.decoder.decode")  # which would be called
        for _ in range(MAX_PLAIN_DECODES + 1):
            with pytest.raises(ClientGone):
                classifier.classify([first, second], top_k=1, timeout_s=10.0, client_fd=client_fd)
    assert classify(classifier, encode("red"), top_k=1).answers[0].top_k[0].label == "red"


def test_model_that_never_stays_is_not_ready(encode):
    class Fleeting(EngineClient):
        def reserve(self, *_args, **_options):
            raise ModelGone("gone again")

    table = small_table()
    write_catalogue(table, 0, serving(MODEL))
    with pytest.raises(EngineNotReady):
        classify(Classifier(Fleeting(table, 0)), encode())
    table.close()


def test_coverage_that_the_model_cannot_give_is_refused_before_anything_is_decoded(engine):
    with pytest.raises(RequestError, match="model 'colours' version 3 was published without the calibration"):
        classify(Classifier(engine), b"not an image", coverage=0.9)


@pytest.mark.parametrize("what", ["check", "wanted"])
def test_request_that_the_canary_cannot_answer_stays_with_the_stable_version(engine, running, encode, what):
    canary = replace(MODEL, version=4)
    split = TrafficSplit(MODEL.name, stable=3, candidate=4, percent=100)
    write_catalogue(running.table, 0, replace(serving(MODEL, canary), splits=(split,)))

    def fits(model):
        if model.version == 4:
            raise RequestError("pixels must be of shape [-1, 16, 16, 3]")
        return NOTHING

    ask = {"timeout_s": SOON_S, what: fits}
    assert Classifier(engine).run([Upload(encode())], **ask).model == MODEL
    for named in ({"version": 4}, {"label": "canary"}):
        with pytest.raises(RequestError, match="16, 16"):
            Classifier(engine).run([Upload(encode())], **ask, **named)


def test_images_are_decoded_a_few_at_a_time(engine, encode, monkeypatch):
    is_decoding, may_go_on = threading.Semaphore(0), threading.Event()

    def slow_decode(encoded, spec, *, limits, out):
        is_decoding.release()
        assert may_go_on.wait(SOON_S)

    monkeypatch.setattr("server.decoding.decoder.decode", slow_decode)
    classifier = Classifier(engine)
    threads = [threading.Thread(target=classify, args=(classifier, encode())) for _ in range(MAX_PLAIN_DECODES)]
    for thread in threads:
        thread.start()
        assert is_decoding.acquire(timeout=10)
    with pytest.raises((Overloaded, DeadlineExceeded)):  # as it is seen at once, or not
        classify(classifier, encode(), timeout_s=0.05)
    may_go_on.set()
    for thread in threads:
        thread.join()


def test_engine_is_told_before_an_image_is_decoded_that_takes_a_moment(engine, encode, monkeypatch):
    announced = []
    monkeypatch.setattr(Slot, "announce", lambda slot: announced.append(slot.is_pending))
    classify(Classifier(engine), encode("red"))
    assert announced == [False]
    classify(Classifier(engine), encode("red", size=(2000, 2000)))
    classify(Classifier(engine), b"no image")
    assert announced == [False]


def test_no_copy_of_an_upload_waits_for_the_model(engine, running, runtime, encode):
    body = bytearray(encode("red", "BMP", (600, 600)))
    runtime.may_run.clear()
    tracemalloc.start()
    thread = threading.Thread(target=classify, args=(Classifier(engine), memoryview(body)))
    thread.start()
    wait_until(running.table.running_since.any)
    wait_until(lambda: tracemalloc.get_traced_memory()[0] < len(body) / 2)
    tracemalloc.stop()
    runtime.may_run.set()
    thread.join()
