"""The command that makes an API key."""

from __future__ import annotations

import pytest

from server.api.keys import ApiKeys
from server.make_key import main


def test_line_that_is_printed_lets_the_key_in_and_does_not_hold_it(tmp_path, capsys):
    assert main(["phone-app"]) == 0
    printed = capsys.readouterr()
    key = printed.err.split()[-1]
    (tmp_path / "keys").write_text(printed.out)
    assert ApiKeys(tmp_path / "keys").name_of(key) == "phone-app"
    assert key not in printed.out
    assert len(key) == len("opsin_") + 43  # 256 bits in base64


def test_no_two_keys_are_the_same(capsys):
    main(["a"])
    main(["a"])
    first, second = capsys.readouterr().out.splitlines()
    assert first != second


@pytest.mark.parametrize("name", ["", "Phone", "two words", "-a", "a" * 65, "a\n"])
def test_name_that_no_line_could_have_is_refused(capsys, name):
    with pytest.raises(SystemExit) as caught:
        main(["--", name])
    assert caught.value.code == 2
    assert "NAME must be 1 to 64 characters" in capsys.readouterr().err
