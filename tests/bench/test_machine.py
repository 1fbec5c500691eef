from bench.machine import field_of


def test_a_field_of_a_proc_file() -> None:
    text = "processor\t: 0\nmodel name\t: AMD EPYC\nprocessor\t: 1\nmodel name\t: other\n"
    assert field_of(text, "model name") == "AMD EPYC"


def test_what_is_not_there_is_empty() -> None:
    assert field_of("MemFree: 1 kB\n", "MemTotal") == ""
