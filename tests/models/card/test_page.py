"""The page of a card: whole HTML, everything escaped, and all figures on it."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from card_artifacts import counted_manifest
from html_reader import Reader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_artifacts import small_manifest, small_sources

from models.card.card import card_of
from models.card.page import STATIC, render_card
from models.store.artifact import Artifact, read_artifact
from models.store.calibration import Calibration
from models.store.evaluation import Evaluation, LabelSets
from models.store.operating_points import OperatingPoint
from models.store.purposes import Purpose
from models.store.repository import Repository

# Those that a card looks at, and one in place of all others.
WORDS = [
    *("int8", "float16", "num_images", "top1", "top5", "accuracy", "ece", "intervals", "before_temperature", "test"),
    *("measured_on", "dataset", "name", "sha256", "num_train", "num_validation", "num_test", "machine", "processor"),
    *("num_cores", "packages", "commit", "created", "parent", "line", "published", "top1_points", "of", "to", "other"),
    *("top1_points_interval", "compared_with_stable", "reason", "instead_of", "training_commands", "command"),
    *("requantized", "measured", "added", "compression", "weights"),
]


@pytest.fixture
def page(tmp_path):
    def page(manifest, **options):
        return render_card(card_of(Repository(tmp_path / "m").publish(manifest, small_sources(tmp_path))), **options)

    return page


def test_page_is_well_formed_and_tells_the_figures(page):
    text = page(counted_manifest())
    Reader(text)
    flat = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))
    assert "Of 100 pictures it is right about 85 (80.5 to 88.6; 300 test pictures)." in flat
    assert "rose 100 60.0 % (50.2 to 69.1) 92.3 % (83.2 to 96.7) tulip 40" in flat
    assert "On A Processor, 2 cores; code at commit 0123456789ab ." in flat


def test_every_table_has_a_caption_and_headers(page):
    text = page(counted_manifest())
    tables = re.findall(r"<table.*?</table>", text, re.DOTALL)
    assert len(tables) == 8
    for table in tables:
        assert "<caption>" in table
        assert 'scope="col"' in table
        assert 'scope="row"' in table


def test_matrix_has_a_cell_for_each_pair_and_frames_what_is_right(page):
    [matrix] = re.findall(r'<table class="heat">.*?</table>', page(counted_manifest()), re.DOTALL)
    rows = re.findall(r'<th scope="row" dir="auto">(\w+)</th>(.*)</tr>', matrix)
    cells = {label: re.findall(r'<td class="(shade\d)( right)?">(\d+)</td>', row) for label, row in rows}
    assert cells["rose"] == [("shade0", "", "0"), ("shade7", " right", "60"), ("shade6", "", "40")]
    assert cells["daisy"] == [("shade9", " right", "98"), ("shade2", "", "2"), ("shade0", "", "0")]


def test_labels_and_names_are_escaped(page):
    text = page(counted_manifest(labels=("<script>alert(1)</script>", 'a"b', "tulip")))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_page_of_a_server_has_neither_style_nor_script_in_it(page):
    text = page(counted_manifest(), style_urls=["/static/card.css"], script_url="/static/card.js", cards_url="/models")
    assert not re.search(r"<style|<script(?![^>]* src=)|\son\w+=|\sstyle=", text)
    assert '<link rel="stylesheet" href="/static/card.css">' in text


def test_page_without_a_server_needs_nothing_else(page):
    text = page(counted_manifest())
    assert not re.search(r'(?:src|href)="', text)
    assert all((STATIC / name).read_text() in text for name in ("palette.css", "card.css"))
    assert "style=" not in text


def test_version_that_it_came_from_is_linked_where_it_has_a_card(page):
    text = page(counted_manifest(), url_of={"flowers:1": "/models/flowers/1"}.get)
    assert '<a href="/models/flowers/1">flowers:1</a>' in text
    assert "<a href" not in page(counted_manifest())


def test_many_classes_are_folded_away_and_their_pairs_listed(page):
    labels = tuple(f"class {index}" for index in range(40))
    targets = np.arange(40)
    evaluation = Evaluation.of(np.eye(40, dtype=np.float32)[np.roll(targets, 1)], targets, precision="int8")
    text = page(small_manifest(labels=labels, evaluation=evaluation))
    Reader(text)
    assert "<details><summary>All 40 classes</summary>" in text
    assert 'class="heat"' not in text
    assert "The pairs of classes that are confused most, 20 of 40;" in text


def test_slider_has_the_curve_of_the_manifest_and_the_table_says_the_same_without_a_script(page):
    manifest = counted_manifest()
    text = page(manifest)
    [curve] = re.findall(r'data-curve="([^"]*)"', text)
    assert json.loads(html.unescape(curve)) == manifest.operating_curve.to_dict()
    [section] = re.findall(r'aria-labelledby="point".*?</section>', text, re.DOTALL)
    flat = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", section))
    assert "80.0 % 65.0 % 100.0 % (98.1 to 100.0) 65.0 %" in flat
    assert '<div class="slider" hidden>' in section
    assert "operating-point flowers:1 --precision 0.95" in flat


def test_page_says_which_operating_point_is_set_and_what_it_gives(tmp_path):
    artifact = Repository(tmp_path / "m").publish(counted_manifest(), small_sources(tmp_path))
    point = OperatingPoint((0.0, 0.55, None), "precision 0.95, tulip never")
    text = render_card(card_of(artifact, point))
    Reader(text)
    flat = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))
    assert "Set to precision 0.95, tulip never: an answer is accepted if" in flat
    assert "On 300 validation pictures that accepts 53.7 % of the answers, of which 98.1 % are right" in flat
    assert "rose 55.0 % 95.2 % (86.9 to 98.4) 60.0 % 63" in flat
    assert "tulip never - 0.0 % 0" in flat


def test_page_of_a_version_that_nobody_measured_is_whole(page):
    text = page(small_manifest(metrics={}, provenance={}))
    Reader(text)
    assert "was not counted when it was published" in text
    assert "Machine and commit were not recorded" in text


def test_page_is_in_the_language_that_is_wanted_and_labels_are_not_translated(page):
    text = page(counted_manifest(), language="zh")
    Reader(text)
    shown = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL)
    flat = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", shown))
    assert '<html lang="zh-Hans">' in text
    assert all(part in flat for part in ("它答对约 85 张", "80.5 至 88.6", "300 张测试图片"))
    assert "rose 100 60.0% (50.2 至 69.1) 92.3% (83.2 至 96.7) tulip 40" in flat
    assert not re.search(r"\b(It|pictures|Measured|right)\b", flat)


def test_page_without_a_curve_says_what_is_not_known_and_how_to_set_a_threshold(page):
    flat = re.sub(r"<[^>]+>", "", page(counted_manifest(operating_curve=None)))
    assert "What thresholds would give is not known" in flat
    assert "python -m models operating-point flowers:1 --threshold CLASS=0.9" in flat


def test_classes_without_a_test_picture_are_listed_apart(page):
    evaluation = Evaluation.of(np.eye(3, dtype=np.float32)[[0, 1]], np.array([0, 0]), precision="int8")
    text = page(counted_manifest(evaluation=evaluation))
    assert re.findall(r"<summary>(.*?)</summary>", text)[0] == "2 classes without a test picture"
    assert '<ul class="labels"><li dir="auto">rose</li><li dir="auto">tulip</li></ul>' in text


def test_sets_of_labels_that_held_fewer_than_asked_say_so(page):
    manifest = counted_manifest(calibration=Calibration(num_images=46, scores=(0.1,) * 46))
    rows = [LabelSets(0.8, 190, 1.1), LabelSets(0.9, 270, 2.0), LabelSets(0.99, 300, 3.0)]
    flat = re.sub(r"<[^>]+>", "", page(replace(manifest, evaluation=replace(manifest.evaluation, label_sets=rows))))
    assert flat.count("fewer than asked") == 1
    assert "69.3 to 90.9 was to be expected of 46 validation pictures for 80.0 %." in flat
    assert "3.00 (all of them: the validation pictures are too few to promise less)" in flat


def test_words_of_the_publisher_come_first_and_are_escaped(tmp_path):
    artifact = Repository(tmp_path / "m").publish(counted_manifest(), small_sources(tmp_path))
    purpose = Purpose(("Sorting <b>my</b> garden",), ("Shops",), ("No winter",), "Ada", "ada@example.org", "CC0")
    text = render_card(card_of(artifact, purpose=purpose))
    Reader(text)
    flat = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))
    assert "<b>my</b>" not in text
    assert (
        "Its publisher says For Sorting &lt;b&gt;my&lt;/b&gt; garden Not for Shops To bear in mind No winter What "
        "follows from how it was made and measured For Sorting pictures like those of flowers" in flat
    )
    assert "made by Ada questions to ada@example.org licence CC0 published 2026-11-29" in flat


def test_publisher_that_says_nothing_is_told_how(page):
    flat = re.sub(r"<[^>]+>", "", page(counted_manifest()))
    assert "Its publisher has not said what it is for." in flat
    assert "python -m models purpose flowers:1" in flat


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    max_leaves=20,
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    metrics=st.dictionaries(st.sampled_from(WORDS), anything), told=st.dictionaries(st.sampled_from(WORDS), anything)
)
def test_page_is_whole_whatever_free_fields_hold(tmp_path, metrics, told):
    folder = tmp_path / "models" / "flowers" / "1"
    if not folder.exists():
        Repository(tmp_path / "models").publish(small_manifest(), small_sources(tmp_path))
    files = read_artifact(folder, verify=False).manifest.files
    document = card_of(Artifact(folder, small_manifest(metrics=metrics, provenance=told, files=files)))
    json.dumps(document)
    Reader(render_card(document))


def test_style_and_script_name_no_other_host():
    for file in STATIC.iterdir():
        assert "//" not in file.read_text().replace("// ", "").replace("/*", "")
