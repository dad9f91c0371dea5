from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from optimize.report.markup import element, joined


def test_text_and_attributes_are_escaped_and_markup_is_not():
    made = element("p", "a < b & c", element("b", "bold"), title='say "x"', class_="soft")
    assert made == ('<p title="say &quot;x&quot;" class="soft">a &lt; b &amp; c<b>bold</b></p>')
    assert joined("<i>", element("br")) == "&lt;i&gt;<br>"


def test_attributes_have_hyphens_numbers_are_short_and_none_is_left_out():
    made = element("line", x1=1.0, y1=2.346, stroke_width=0.5, class_=None)
    assert made == '<line x1="1" y1="2.35" stroke-width="0.5"></line>'


@given(st.text(), st.text())
def test_any_text_makes_well_formed_xml(text, attribute):
    ElementTree.fromstring(element("p", text, title=attribute))  # noqa: S314  # our own
