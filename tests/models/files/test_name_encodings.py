import pytest

from models.files.name_encodings import guess_encoding


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("gb18030", "猫 狗"),
        ("gb18030", "玫瑰 郁金香 向日葵"),
        ("gb18030", "合格 不合格"),
        ("cp932", "猫 犬"),
        ("cp932", "ネコ イヌ"),
        ("cp932", "表 裏"),
        ("cp932", "ひまわり バラ"),
        ("cp949", "고양이 개"),
        ("cp949", "장미 튤립"),
        ("big5", "貓 狗"),
        ("cp1252", "café"),
        ("cp1252", "Äpfel Birnen"),
        ("cp1252", "naïve façade"),
        ("cp437", "blé"),
        ("cp850", "coração mão"),
        ("cp866", "кошка собака"),
        ("cp1251", "роза тюльпан"),
        ("cp1253", "γάτα σκύλος"),
        ("cp874", "กุหลาบ"),
        ("cp874", "แมว สุนัข"),
        ("euc_jp", "薔薇 菊"),
        ("euc_jp", "猫 犬 花"),
        ("utf-8", "猫"),
        ("utf-8", "żaba"),
    ],
)
def test_names_are_read_as_they_were_meant(encoding, names):
    raw = [name.encode(encoding) + b"/1.jpg" for name in names.split()]
    guessed = guess_encoding(raw).encoding
    assert [name.decode(guessed).removesuffix("/1.jpg") for name in raw] == names.split()


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("euc_jp", "表"), ("euc_jp", "馬"), ("gb18030", "猫"), ("cp874", "นก"), ("cp1252", "Bär"), ("utf-8", "é")],
)
def test_a_few_bytes_are_never_certain(encoding, name):
    assert not guess_encoding([name.encode(encoding) + b"/1.jpg", b"dog/1.jpg"]).is_sure


def test_characters_that_nobody_writes_are_not_utf_8():
    assert guess_encoding(["裏".encode("euc_jp")]).encoding != "utf-8"  # as UTF-8, a letter that there is not


def test_utf_8_is_certain_and_a_short_name_is_not():
    assert guess_encoding(["猫/1.jpg".encode(), b"dog/1.jpg"]) == guess_encoding(["猫".encode()])
    assert guess_encoding(["猫".encode()]).encoding == "utf-8"
    assert guess_encoding(["猫".encode()]).is_sure
    assert not guess_encoding(["花".encode("gbk")]).is_sure
    assert guess_encoding([name.encode("gbk") for name in ("玫瑰", "郁金香", "向日葵")]).is_sure
