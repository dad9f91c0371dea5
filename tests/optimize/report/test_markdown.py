from dataclasses import replace

from small_reports import ON_GPU, plain, small_report, small_row, usual_report

from optimize.report.markdown import markdown


def test_each_model_is_a_row_with_what_it_is_relative_to():
    lines = plain(markdown(usual_report())).splitlines()
    [dense] = [line for line in lines if line.startswith("| dense:1 | 93")]
    [small] = [line for line in lines if line.startswith("| small:1 | 92")]
    assert "(" not in dense
    assert "| 0.600 ms (x0.50) |" in small
    assert small.count("|") == dense.count("|") == 15


def test_classes_show_who_pays():
    assert "| cat | 93.00 % | -2.50 |" in plain(markdown(usual_report()))
    assert "| dog | 93.00 % | +0.50 |" in plain(markdown(usual_report()))


def test_operators_and_floats_are_listed():
    assert "| small:1 | CONV\\_2D x21, ADD x9, SOFTMAX | SOFTMAX |" in plain(markdown(usual_report()))


def test_machine_rounds_and_command_are_told():
    text = plain(markdown(usual_report()))
    assert "A Processor 9000, 2 cores used" in text
    assert "3 rounds" in text
    assert "- command: python -m optimize report dense:1 small:1" in text


def test_names_cannot_break_the_table():
    report = small_report(small_row("a | b <script>\n"), labels=("x|y", "`z`"), notes=("<i>",))
    text = markdown(replace(report, baseline="a | b <script>\n"))
    assert "| a \\| b &lt;script>  |" in text
    assert "| x\\|y |" in text
    assert "- &lt;i>" in text


def test_names_are_neither_links_nor_images():
    report = small_report(small_row("dense:1"), labels=("[x](javascript:alert)", "![y](http://z/)"))
    text = markdown(report)
    assert "| \\[x\\](javascript:alert) |" in text
    assert "| !\\[y\\](http://z/) |" in text


def test_file_for_gpus_stands_beside_the_one_for_cpus():
    report = small_report(small_row("dense:1"), small_row("small:1", on_gpu=ON_GPU))
    assert "| small:1 | float16 | 99.35 % | 92.00 % | 92.56 % |" in markdown(report)
    assert "GPU" not in markdown(usual_report())
