"""Who may load and unload models, and what is said to the others."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from engines import LITERT, MODEL

from models.errors import ModelNotFound
from models.store.reference import ModelReference
from server.admin import Admin, AdminToken, presented_token
from server.engine.catalogue import Catalogue, RefusedModel
from server.engine.errors import DeadlineExceeded, LoadFailed
from server.engine.shared_catalogue import write_catalogue
from server.request_errors import AdminOff, InvalidAdminToken, MissingAdminToken
from server.setting_rows import SettingsError
from server.settings import Settings

TOKEN = "let-me-in"  # noqa: S105 - a test's own
ASKED = {"token": TOKEN, "by": "ada", "timeout_s": 10.0}


@pytest.fixture
def admin(engine):
    return Admin(engine, AdminToken(Settings(admin_token=TOKEN)))


@pytest.fixture
def follow(running):
    """Have an engine follow what is asked, as one that shows a catalogue then."""
    is_over, catalogues = threading.Event(), {}

    def run():
        while not is_over.wait(0.005):
            state = running.table.control.read()
            if state.number and (catalogue := catalogues.pop("next", None)):
                write_catalogue(running.table, 0, catalogue)
            running.table.control.note_followed(0, state)

    thread = threading.Thread(target=run)
    thread.start()
    yield lambda catalogue: catalogues.update(next=catalogue)
    is_over.set()
    thread.join()


def showing(*models, **fields):
    return Catalogue(models, default=ModelReference("colours"), runtimes=(LITERT,) * len(models), **fields)


@pytest.mark.parametrize(
    ("authorization", "admin_token", "expected"),
    [
        (f"Bearer {TOKEN}", "", TOKEN),
        (f"bearer  {TOKEN} ", "", TOKEN),
        ("Basic x", "", ""),
        ("", "", ""),
        ("Bearer api-key", TOKEN, TOKEN),
    ],
)
def test_token_stands_in_either_header(authorization, admin_token, expected):
    assert presented_token(authorization, admin_token) == expected


def test_without_a_token_it_is_off_and_says_how_to_turn_it_on(engine):
    admin = Admin(engine, AdminToken(Settings()))
    for ask in (admin.load, admin.unload):
        with pytest.raises(AdminOff, match="start the server with OPSIN_ADMIN_TOKEN, or OPSIN_ADMIN_TOKEN_FILE"):
            ask("colours", **ASKED)


@pytest.mark.parametrize(("token", "error"), [("", MissingAdminToken), ("let-me-i", InvalidAdminToken)])
def test_only_the_token_itself_will_do(admin, engine, token, error):
    for ask in (admin.load, admin.unload):
        with pytest.raises(error):
            ask("colours", **{**ASKED, "token": token})
    assert engine.control.read().number == 0


def test_token_of_a_file_is_read_again_and_holds_while_the_file_is_broken(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    token = AdminToken(Settings(admin_token_file=file))
    token.check(TOKEN)
    file.write_text("another\n")
    with pytest.raises(InvalidAdminToken):
        token.check(TOKEN)
    file.unlink()
    token.check("another")


@pytest.mark.parametrize("content", ["", "two words", None], ids=["empty", "two", "none"])
def test_file_without_a_token_stops_the_start(tmp_path, content):
    if content is not None:
        (tmp_path / "token").write_text(content)
    with pytest.raises(SettingsError, match=r"^OPSIN_ADMIN_TOKEN_FILE cannot be used: "):
        AdminToken(Settings(admin_token_file=tmp_path / "token"))


def test_unloading_waits_until_it_is_so(admin, engine, follow):
    follow(showing(unloaded=(RefusedModel("colours", 3, "unloaded by ada"),)))
    admin.unload("colours", **ASKED)
    assert engine.catalogue.models == ()
    [reason] = engine.control.read().unloaded.values()
    assert reason.startswith("unloaded by ada at 2")
    follow(showing(MODEL))
    admin.load("colours", **ASKED)
    assert engine.control.read().unloaded == {}


@pytest.mark.parametrize("name", ["cats", "no name", "x" * 500])
def test_model_that_is_not_there_is_not_found(admin, follow, name, caplog):
    with pytest.raises(ModelNotFound, match=r"^failed to load "):
        admin.load(name, **ASKED)
    with pytest.raises(ModelNotFound, match=r"^failed to unload "):
        admin.unload(name, **ASKED)
    assert "was loaded" not in caplog.text


def test_version_that_cannot_be_loaded_says_why(admin, follow):
    follow(showing(replace(MODEL, version=2), refused=(RefusedModel("colours", 3, "it is broken"),)))
    with pytest.raises(LoadFailed, match=r"^failed to load 'colours', it is broken$"):
        admin.load("colours", **ASKED)


def test_loading_that_an_unloading_has_overtaken_says_so(admin, follow):
    follow(showing(unloaded=(RefusedModel("colours", 3, "unloaded by bob at noon"),)))
    with pytest.raises(LoadFailed, match=r"^failed to load 'colours', it was unloaded by bob at noon, after it was to"):
        admin.load("colours", **ASKED)


def test_engine_that_does_not_follow_in_time(admin):
    with pytest.raises(DeadlineExceeded, match="goes on"):
        admin.load("colours", **{**ASKED, "timeout_s": 0.05})
