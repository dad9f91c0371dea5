"""Knows the variables that Kubernetes sets for Services in every container of a namespace, as Docker did for a link.

Those of a Service named opsin look like settings, and are nobody's choice.
"""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://", re.IGNORECASE)
_VARIABLE = re.compile(
    r"OPSIN_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)


def is_service_address(value: str) -> bool:
    """Tell whether a value is a Service's address, as in OPSIN_PORT=tcp://10.0.0.1:5000."""
    return bool(_ADDRESS.match(value))


def is_service_variable(name: str, value: str) -> bool:
    """Tell whether Kubernetes sets a variable for a Service named opsin, or opsin-something."""
    return bool(_VARIABLE.fullmatch(name) or (name.endswith("_PORT") and is_service_address(value)))
