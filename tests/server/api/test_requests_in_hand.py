"""How many requests of one client are in hand at once."""

from __future__ import annotations

from server.api.requests_in_hand import RequestsInHand


def test_one_too_many_is_refused_until_another_has_ended():
    in_hand = RequestsInHand(2)
    assert [in_hand.begin("a"), in_hand.begin("a"), in_hand.begin("a"), in_hand.begin("b")] == [True, True, False, True]
    in_hand.end("a")
    assert in_hand.begin("a")
    assert not in_hand.begin("a")


def test_client_without_requests_is_forgotten():
    in_hand = RequestsInHand(1)
    in_hand.begin("a")
    in_hand.end("a")
    assert in_hand._numbers == {}
