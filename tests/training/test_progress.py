import io

import pytest
from clock import Clock
from terminal import Terminal

from training.progress import Progress, duration


def lines_of(out, seconds, *, first_step=1, num_steps=10, **options):
    """What is written while steps take so many seconds each."""
    clock = Clock()
    progress = Progress(num_steps=num_steps, batch_size=4, out=out, clock=clock, **options)
    for step, taken_s in enumerate(seconds, start=first_step):
        clock.now += taken_s
        progress.advance(step, lambda step=step: f"epoch {step}")
    return out.getvalue()


def test_a_terminal_has_one_line_that_is_written_anew():
    written = lines_of(Terminal(), [1, 1])
    assert written == (
        "\r\x1b[Kstep 1/10  epoch 1  4 images/s  0:09 left\r\x1b[Kstep 2/10  epoch 2  4 images/s  0:08 left"
    )


def test_a_log_has_a_line_every_half_minute_and_the_last_one():
    written = lines_of(io.StringIO(), [10] * 7, num_steps=7)
    assert [line.partition("  ")[0] for line in written.splitlines()] == ["step 3/7", "step 6/7", "step 7/7"]


def test_a_run_that_is_taken_up_counts_its_own_steps_alone():
    assert "step 9/10  epoch 9  2 images/s  0:02 left" in lines_of(Terminal(), [2, 2], first_step=8)


def test_small_images_come_first_and_what_is_left_takes_longer():
    # Five steps of 9/16 of the work, then five whole ones.
    written = lines_of(Terminal(), [9] * 4, work=lambda n: min(n, 5) * 9 / 16 + max(0, n - 5))
    assert written.endswith("step 4/10  epoch 4  0 images/s  1:29 left")


def test_a_line_that_stays_ends_the_one_that_does_not():
    out = Terminal()
    Progress(num_steps=1, batch_size=1, out=out).say("epoch 1 is done")
    assert out.getvalue() == "\r\x1b[Kepoch 1 is done\n"


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (62.4, "1:02"), (3723, "1:02:03")])
def test_duration(seconds, shown):
    assert duration(seconds) == shown
