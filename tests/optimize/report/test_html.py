import re

from html_reader import Reader
from small_reports import ON_GPU, plain, small_report, small_row, usual_report

from optimize.report.html import html


def test_page_needs_nothing_but_itself():
    page = plain(html(usual_report()))
    reader = Reader(page)
    assert page.startswith("<!doctype html>")
    assert not {"script", "link", "img", "iframe"} & set(reader.tags)
    assert not {"src", "href"} & {name for name, _ in reader.attributes}
    assert all(value.startswith("#") for name, value in reader.attributes if name == "xlink:href")
    assert "url(" not in page.replace("url(#", "")
    assert "@import" not in page


def test_every_figure_has_its_change_below():
    page = plain(html(usual_report()))
    assert '<td data-title="one core">0.600 ms<small>x0.50</small></td>' in page
    assert '<td data-title="one core">1.20 ms<small></small></td>' in page


def test_classes_that_lose_most_come_first_and_are_coloured():
    rows = [small_row("dense:1", top1=0.93), small_row("small:1")]
    page = plain(html(small_report(*rows, labels=("dog", "cat"))))
    assert page.index('<th scope="row">dog') < page.index('<th scope="row">cat')
    assert '<td class="loss" style="--share: 15%">-2.50</td>' in page
    assert '<td class="gain" style="--share: 3%">+0.50</td>' in page


def test_operators_on_floats_stand_out():
    page = plain(html(usual_report()))
    assert '<li class="float">SOFTMAX</li>' in page
    assert "<li>CONV_2D x21</li>" in page


def test_text_cannot_become_markup():
    report = small_report(small_row("<script>alert(1)</script>"), labels=("<b>cat", "dog"), notes=("a <i> b",))
    reader = Reader(html(report))
    assert not {"script", "i"} & set(reader.tags)
    assert "<b>cat" in reader.texts
    assert "a <i> b" in reader.texts


def test_plots_are_drawn_for_wide_and_narrow_screens():
    page = plain(html(usual_report()))
    assert re.findall(r'viewBox="0 0 (\d+) 400"', page) == ["560", "358"] * 2


def test_how_it_was_measured_is_told():
    texts = Reader(plain(html(usual_report()))).texts
    assert any("A Processor 9000, 2 cores used" in text for text in texts)
    assert "python -m optimize report dense:1 small:1" in texts


def test_file_for_gpus_has_a_table_of_its_own():
    page = html(small_report(small_row("dense:1"), small_row("small:1", on_gpu=ON_GPU)))
    assert {"Files for GPUs", "99.35 %", "92.56 %"} <= set(Reader(page).texts)
    assert "Files for GPUs" not in html(usual_report())
