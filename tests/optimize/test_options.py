from dataclasses import dataclass

from optimize.options import take


@dataclass
class Settings:
    size: int = 1
    colour: str = "red"


def test_fields_are_taken_and_the_rest_is_left():
    options = {"colour": "blue", "name": "toy"}
    assert take(Settings, options) == Settings(size=1, colour="blue")
    assert options == {"name": "toy"}
