"""POST /predict with whatever a client may send."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SHARED_CLIENT = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@SHARED_CLIENT
@given(
    st.binary(max_size=300), st.sampled_from([None, "image/png", "application/json", "multipart/form-data; boundary=b"])
)
def test_any_body_gets_a_well_formed_answer(client, body, content_type):
    response = client.post("/predict", data=body, content_type=content_type)
    assert 200 <= response.status_code < 500
    assert ("error" in response.json) == (response.status_code >= 400)


@SHARED_CLIENT
@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists)
    | st.dictionaries(st.sampled_from(["image", "images"]), st.text() | st.lists(st.text()))
)
def test_any_json_gets_a_well_formed_answer(client, document):
    response = client.post("/predict", json=document)
    assert 200 <= response.status_code < 500
    assert ("error" in response.json) == (response.status_code >= 400)
