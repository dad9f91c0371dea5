"""The fastest that agrees serves; what was measured counts until something that it depends on changes."""

from __future__ import annotations

import pytest
from tried_runtimes import trial

from models.runtime_choice.choice import choose, choose_runtime
from models.runtime_choice.record import RuntimeChoice, Trial

INSTALLED = {"litert": "2.3.0", "openvino": "2026.4.1"}


@pytest.fixture
def chosen(artifact, tmp_path):
    """Choose as on a machine where both are installed; `chosen.asked` has what was tried."""

    def ask(_artifact, runtime, *, num_cores):
        chosen.asked.append((runtime, num_cores))
        return chosen.trial

    def chosen(**changes):
        options = {"folder": tmp_path / "cache", "installed": INSTALLED, "num_cores": 2, "ask": ask, **changes}
        return choose_runtime(artifact, **options)

    chosen.asked, chosen.trial = [], trial(2.5)
    return chosen


@pytest.mark.parametrize(
    ("tried", "choice"),
    [
        (trial(2.5), "openvino, because it was 2.50 times as fast as litert and agrees with the golden answers"),
        (trial(1.04), "litert, because openvino was only 1.04 times as fast as litert"),
        (
            trial(2.5, fault="2 of 10 pictures get another label"),
            "litert, because openvino, 2.50 times as fast as litert, may not serve: 2 of 10 pictures get another label",
        ),
        (
            Trial("openvino", fault="it was not done after 60 s"),
            "litert, because openvino may not serve: it was not done after 60 s",
        ),
        (
            trial(1.2, speed_quartiles=(0.9, 1.5)),
            "litert, because openvino was 0.90 to 1.50 times as fast in different rounds, beside other work",
        ),
    ],
)
def test_choice_and_its_reason(tried, choice):
    assert str(choose([tried])) == choice


def test_fastest_of_those_that_may_serve_is_chosen():
    trials = [trial(3.0, fault="unlucky"), trial(1.5), trial(2.0)]
    assert choose(trials).runtime == "openvino"
    assert choose(trials).reason.startswith("it was 2.00 times as fast")


def test_alone_litert_serves_and_nothing_is_tried(chosen, tmp_path):
    assert chosen(installed={"litert": "2.3.0"}) == RuntimeChoice("litert", "no other runtime for CPUs is installed")
    assert chosen.asked == []
    assert not (tmp_path / "cache").exists()


def test_what_was_measured_is_kept(chosen):
    assert chosen() == chosen() == choose([trial(2.5)])
    assert chosen.asked == [("openvino", 2)]


@pytest.mark.parametrize("changes", [{"num_cores": 4}, {"installed": {**INSTALLED, "openvino": "2026.5.0"}}])
def test_it_is_measured_again_where_something_changed(chosen, changes):
    chosen()
    chosen(**changes)
    assert len(chosen.asked) == 2


def test_it_is_measured_again_where_a_library_is_kept_from_instructions(chosen, monkeypatch):
    chosen()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    chosen()
    assert len(chosen.asked) == 2


@pytest.mark.parametrize(
    "tried",
    [trial(1.2, speed_quartiles=(0.9, 1.5)), Trial("openvino", fault="it was not done after 60 s")],
    ids=["rounds that differ", "no figures"],
)
def test_what_would_perhaps_end_otherwise_is_not_kept(chosen, tried):
    chosen.trial = tried
    assert not chosen().is_lasting
    assert chosen().runtime == "litert"
    assert len(chosen.asked) == 2


def test_near_race_without_other_work_is_kept(chosen):
    chosen.trial = trial(1.06, speed_quartiles=(1.03, 1.09))
    assert chosen().is_lasting
    assert chosen().runtime == "openvino"
    assert len(chosen.asked) == 1


def test_without_a_folder_it_is_measured_each_time(chosen):
    assert chosen(folder=None) == chosen(folder=None) == choose([trial(2.5)])
    assert len(chosen.asked) == 2


def test_another_process_that_measured_meanwhile_is_believed(chosen, monkeypatch):
    from models.runtime_choice.kept_trials import KeptTrials

    alone = KeptTrials.alone

    def alone_after_another(self, patience_s):
        self.write([trial(3.0)])
        return alone(self, patience_s)

    monkeypatch.setattr(KeptTrials, "alone", alone_after_another)
    assert chosen() == choose([trial(3.0)])
    assert chosen.asked == []


def test_json_form_is_read_back():
    choice = choose([trial(2.5)])
    assert RuntimeChoice.from_dict(choice.to_dict()) == choice
