"""Texts of settings, and what they become; test_settings has what is refused."""

from __future__ import annotations

import pytest

from models.store.reference import ModelReference
from server import setting_values


def test_origins_are_a_list_in_small_letters():
    origins = setting_values.parse_origins("https://App.example, http://[::1]:8080")
    assert origins == ("https://app.example", "http://[::1]:8080")
    assert setting_values.parse_origins("*") == ("*",)


def test_networks_are_a_list_and_an_address_is_one():
    assert [str(network) for network in setting_values.parse_networks("10.0.0.0/8,::1")] == ["10.0.0.0/8", "::1/128"]


def test_models_are_a_list_with_versions_or_without():
    assert setting_values.parse_models("m:2, other") == (ModelReference("m", 2), ModelReference("other"))


@pytest.mark.parametrize(("text", "value"), [("0", False), ("1", True)])
def test_flag_is_a_digit(text, value):
    assert setting_values.parse_flag(text) is value


@pytest.mark.parametrize("text", ["10/second", "10/second;1000/hour"])
def test_rate_stays_as_it_is(text):
    assert setting_values.parse_rate(text) == text


def test_device_and_words_may_be_in_capitals():
    assert setting_values.parse_device("GPU:0,1") == "gpu:0,1"
    assert setting_values.one_of("text", "json")("JSON") == "json"


@pytest.mark.parametrize("text", ["redis://:password@host:6379/1", "rediss://host"])
def test_redis_is_named_by_its_url(text):
    assert setting_values.parse_redis_url(text) == text


def test_host_stands_alone():
    assert setting_values.parse_host("::1") == "::1"
    with pytest.raises(ValueError, match="without port and brackets"):
        setting_values.parse_host("[::1]:80")


def test_whole_number_has_bounds():
    parse = setting_values.whole(1, 3)
    assert parse("3") == 3
    with pytest.raises(ValueError, match="a whole number from 1 to 3"):
        parse("4")
