import io

from models.predict.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_what_is_left_in_one_line():
    now, out = [0.0], Terminal()
    progress = Progress(20_000, first=1000, out=out, clock=lambda: now[0])
    progress.show(1100, 0)
    assert out.getvalue() == ""
    now[0] = 10.0
    progress.show(2000, 3)
    assert out.getvalue() == "\r\x1b[K2,000 of 20,000 pictures  100/s  3:00 left  3 with an error"
    progress.end()
    assert out.getvalue().endswith("\r\x1b[K")


def test_a_file_has_a_line_every_half_minute():
    now, out = [0.0], io.StringIO()
    progress = Progress(20_000, first=0, out=out, clock=lambda: now[0])
    for now[0] in (10.0, 20.0, 30.0, 40.0):
        progress.show(int(now[0]) * 100, 0)
    progress.end()
    assert out.getvalue() == "3,000 of 20,000 pictures  100/s  2:50 left\n"
