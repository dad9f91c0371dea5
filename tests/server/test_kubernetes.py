"""What Kubernetes sets for Services named opsin, and what merely looks like it."""

from __future__ import annotations

import pytest

from server.kubernetes import is_service_variable


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPSIN_SERVICE_HOST", "10.0.0.1"),
        ("OPSIN_SERVICE_PORT", "5000"),
        ("OPSIN_SERVICE_PORT_HTTP", "5000"),
        ("OPSIN_PORT", "tcp://10.0.0.1:5000"),
        ("OPSIN_PORT_5000_TCP", "tcp://10.0.0.1:5000"),
        ("OPSIN_PORT_5000_TCP_PROTO", "tcp"),
        ("OPSIN_PORT_5000_TCP_PORT", "5000"),
        ("OPSIN_PORT_5000_TCP_ADDR", "10.0.0.1"),
        ("OPSIN_CANARY_SERVICE_HOST", "10.0.0.2"),
        ("OPSIN_CANARY_PORT", "UDP://10.0.0.2:53"),
    ],
)
def test_variable_of_a_service_is_known(name, value):
    assert is_service_variable(name, value)


@pytest.mark.parametrize("name", ["OPSIN_PORT", "OPSIN_HTTP_PORT", "OPSIN_PORTS", "OPSIN_PORT_5000", "OPSIN_SERVICE"])
def test_variable_that_is_merely_like_those_is_none(name):
    assert not is_service_variable(name, "8080")
