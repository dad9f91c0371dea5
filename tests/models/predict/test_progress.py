import io

from clock import Clock
from terminal import Terminal

from models.predict.progress import Progress


def test_a_terminal_shows_what_is_left_in_one_line():
    clock, out = Clock(0.0), Terminal()
    progress = Progress(20_000, first=1000, out=out, clock=clock)
    progress.show(1100, 0)
    assert out.getvalue() == ""
    clock.now = 10.0
    progress.show(2000, 3)
    assert out.getvalue() == "\r\x1b[K2,000 of 20,000 pictures  100/s  3:00 left  3 with an error"
    progress.end()
    assert out.getvalue().endswith("\r\x1b[K")


def test_a_file_has_a_line_every_half_minute():
    clock, out = Clock(0.0), io.StringIO()
    progress = Progress(20_000, first=0, out=out, clock=clock)
    for clock.now in (10.0, 20.0, 30.0, 40.0):
        progress.show(int(clock.now) * 100, 0)
    progress.end()
    assert out.getvalue() == "3,000 of 20,000 pictures  100/s  2:50 left\n"
