"""TLS: what is spoken, and a certificate that is followed on disk."""

from __future__ import annotations

import logging
import os
import socket
import ssl

import pytest
from certificates import make_certificate
from clock import Clock
from tls_ends import connected

from server.http.tls import CHECK_S, TLS, TLSError


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def context(files):
    return ssl.create_default_context(cafile=str(files[0]))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_newer_versions_are_spoken(files, context, version):
    context.minimum_version = context.maximum_version = version
    with connected(TLS(*files), context) as (_, client, _):
        assert client.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]


def test_older_ones_are_not(files, context):
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")  # or this client would not even ask
    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"), connected(TLS(*files), context):
        pass


def test_renewed_certificate_counts_for_new_connections(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)
    files, clock = make_certificate(tmp_path), Clock()
    tls = TLS(*files, clock=clock)
    old = ssl.create_default_context(cafile=str(files[0]))
    other = make_certificate(tmp_path, "other")
    other[0].replace(files[0])
    clock.now += CHECK_S
    with connected(tls, old):  # the key does not fit yet: the one of before stays
        pass
    other[1].replace(files[1])
    clock.now += CHECK_S
    new = ssl.create_default_context(cafile=str(files[0]))
    with connected(tls, new):
        pass
    assert [record.message for record in caplog.records] == [
        "the certificate of before stays: OPSIN_TLS_CERTIFICATE and OPSIN_TLS_KEY must be PEM files that fit: "
        "key values mismatch",
        "the certificate has changed",
    ]


def test_key_that_all_may_read_is_told_and_one_that_all_may_write_is_not_used(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)
    (certificate, key), clock = make_certificate(tmp_path), Clock()
    key.chmod(0o640)
    tls = TLS(certificate, key, clock=clock)
    assert tls.warning is None
    key.chmod(0o644)
    told = "every user of this machine may read OPSIN_TLS_KEY, and could pass for this server: chmod o-r"
    assert TLS(certificate, key).warning == told
    certificate.touch()
    clock.now += CHECK_S
    near, far = socket.socketpair()
    with near, far:
        tls.wrap(near)
        assert caplog.messages == [f"the certificate has changed; {told}"]
    for file in (certificate, key):
        file.chmod(0o602)
        with pytest.raises(TLSError, match="every user of this machine may write OPSIN_TLS_CERTIFICATE or OPSIN_"):
            TLS(certificate, key)
        file.chmod(0o600)


def test_files_that_cannot_be_used_are_named_by_their_settings(files, tmp_path):
    with pytest.raises(TLSError, match="OPSIN_TLS_CERTIFICATE and OPSIN_TLS_KEY cannot be read: No such file"):
        TLS(tmp_path / "none", files[1])
    (tmp_path / "text").write_text("text")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TLSError, match="must be files, not folders, pipes or devices"):
        TLS(files[0], tmp_path / "pipe")
    with pytest.raises(TLSError, match="OPSIN_TLS_CERTIFICATE and OPSIN_TLS_KEY must be PEM files that fit: "):
        TLS(tmp_path / "text", files[1])
