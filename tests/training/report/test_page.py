from pathlib import Path

import pytest
from jinja2 import UndefinedError

from training.report.page import printable, render


def template(folder: Path, text: str) -> Path:
    (folder / "page.html").write_text(text)
    return folder / "page.html"


def test_text_cannot_become_markup(tmp_path):
    page = render(template(tmp_path, '<p title="{{ name }}">{{ name }}</p>'), name="<script>\"'&")
    assert page == '<p title="&lt;script&gt;&#34;&#39;&amp;">&lt;script&gt;&#34;&#39;&amp;</p>\n'


def test_what_no_page_can_hold_is_replaced(tmp_path):
    assert render(template(tmp_path, "{{ name }}"), name="a\x00\x1b\udcff") == "a\ufffd\ufffd\ufffd\n"
    assert printable("猫 🐶\t\n") == "猫 🐶\t\n"


def test_a_value_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(UndefinedError, match="'name' is undefined"):
        render(template(tmp_path, "{{ name }}"))


def test_all_pages_share_a_style_that_is_light_on_paper(tmp_path):
    page = render(template(tmp_path, '<style>{% include "style.css" %}</style>'))
    assert ":root { --ground: #f7f8f8;" in page
    assert "@media screen and (prefers-color-scheme: dark) {" in page
    assert "url(" not in page
    assert "@import" not in page
