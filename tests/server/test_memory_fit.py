"""Settings that fit into the memory of a container."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from models.store.reference import ModelReference
from models.store.repository import Repository
from server import devices, memory_fit
from server.memory_fit import KERNEL_SHARE, LOWERED, MEGABYTE, REST_BYTES, Need, allow_memory, fit_to_memory, need_of
from server.setting_rows import SettingsError
from server.settings import SHIPPED_MODELS, Settings

DOCUMENTS = Path(__file__).resolve().parent.parent.parent / "docs"
NEED = Need(image_bytes=224 * 224 * 3, weights_bytes=20 * MEGABYTE, models_bytes=60 * MEGABYTE)


@pytest.fixture(params=[1, 2, 8])
def settings(monkeypatch, request):
    """The defaults of a machine with so many cores."""
    default = Settings(workers=request.param)
    monkeypatch.setattr(memory_fit, "Settings", lambda: default)
    return default


@pytest.mark.parametrize("limit", [384, 512, 1024, 2048, 8192])
def test_default_settings_fit_from_384_megabytes_on(settings, limit):
    fitted = fit_to_memory(settings, limit * MEGABYTE, NEED)
    assert NEED.bytes_of(fitted) <= (1 - KERNEL_SHARE) * limit * MEGABYTE
    assert all(getattr(fitted, name) <= getattr(settings, name) for name in LOWERED if name != "max_connections")
    assert fitted.max_queue >= settings.max_images
    assert fitted.max_upload_bytes >= 8 * MEGABYTE
    assert fitted.workers >= 1


def test_more_memory_never_lowers_more(settings):
    fitted = [fit_to_memory(settings, limit * MEGABYTE, NEED) for limit in range(256, 4096, 128)]
    for name in ("workers", "max_upload_bytes"):
        values = [getattr(each, name) for each in fitted]
        assert values == sorted(values)


def test_settings_that_fit_stay_as_they_are(settings):
    assert allow_memory(settings, 64 * 1024 * MEGABYTE, NEED) == (settings, None)


def test_what_somebody_chose_stays_and_the_start_says_how_much_it_takes():
    chosen = Settings(workers=1, max_upload_bytes=100 * MEGABYTE, max_decode_bytes=400 * MEGABYTE)
    fitted, line = allow_memory(chosen, 512 * MEGABYTE, NEED)
    assert (fitted.max_upload_bytes, fitted.max_decode_bytes) == (100 * MEGABYTE, 400 * MEGABYTE)
    assert fitted.max_uploads_in_hand_bytes == 8 * MEGABYTE
    enough = NEED.bytes_of(fitted) / (1 - KERNEL_SHARE) / MEGABYTE
    assert enough > 1000
    assert line.endswith(f"; for load it should be {enough:.0f}")


def test_what_the_open_files_have_lowered_is_nobodys_choice():
    few_files = replace(Settings(workers=1), max_connections=634)
    fitted, _ = allow_memory(few_files, 512 * MEGABYTE, NEED, asked=Settings(workers=1))
    assert fitted.max_connections == 64
    chosen, _ = allow_memory(few_files, 512 * MEGABYTE, NEED)
    assert chosen.max_connections == 634


def test_what_is_lowered_is_told_in_one_line(monkeypatch):
    default = Settings(workers=2)
    monkeypatch.setattr(memory_fit, "Settings", lambda: default)
    fitted, line = allow_memory(default, 2048 * MEGABYTE, NEED)
    assert line == (
        "this container may take 2048 MiB of memory, 60 MiB of them for models: so "
        f"OPSIN_MAX_DECODE_BYTES={fitted.max_decode_bytes}, OPSIN_MAX_UPLOADS_IN_HAND_BYTES=33554432"
    )


def test_container_that_cannot_hold_the_models_is_refused_in_one_line():
    with pytest.raises(SettingsError) as refused:
        allow_memory(Settings(workers=1), REST_BYTES + NEED.weights_bytes - 1, NEED)
    assert str(refused.value) == (
        "this container may take 100 MiB of memory, and the server takes 100 MiB with these models and nothing to do: "
        "raise the limit, or name fewer or smaller models in OPSIN_MODEL"
    )
    allow_memory(Settings(workers=1), REST_BYTES + NEED.weights_bytes, NEED)


def test_documents_show_what_half_a_core_is_told(monkeypatch):
    monkeypatch.setattr(devices, "available_cores", lambda: 1)
    settings = replace(Settings(workers=1), repository=SHIPPED_MODELS)
    monkeypatch.setattr(memory_fit, "Settings", lambda: settings)
    need = need_of(settings, ())
    _, fitted = allow_memory(settings, 512 * MEGABYTE, need)
    _, too_little = allow_memory(settings, 256 * MEGABYTE, need)
    with pytest.raises(SettingsError) as refused:
        allow_memory(settings, 96 * MEGABYTE, need)
    shown = " ".join((DOCUMENTS / "containers.md").read_text().split())
    assert f"opsin: {fitted} $" in shown
    assert f"opsin: {refused.value} ```" in shown
    assert f"start says that it should be {too_little.rpartition(' ')[2]} for load" in shown


def test_models_that_are_named_are_counted_and_the_largest_twice():
    settings = replace(Settings(), repository=SHIPPED_MODELS, runners=1, max_batch=1)
    one = need_of(settings, [ModelReference("imagenet")])
    size = Repository(SHIPPED_MODELS).load("imagenet").model_path("litert").stat().st_size
    assert (one.image_bytes, one.weights_bytes) == (224 * 224 * 3, 2 * size)
    both = need_of(settings, [ModelReference("imagenet"), ModelReference("cifar10")])
    assert one.models_bytes < both.models_bytes < 2 * one.models_bytes
    assert need_of(settings, ()).weights_bytes > both.weights_bytes
    assert need_of(settings, [ModelReference("unknown")]) == Need(0, 0, 0)
