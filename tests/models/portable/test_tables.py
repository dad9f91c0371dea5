from flatbuffers import number_types
from flatbuffers.table import Table

from models.portable.tables import Byte, UInt, flatbuffer


def root(content):
    position = int.from_bytes(content[:4], "little")
    return Table(bytearray(content), position)


def field(table, slot):
    return table.Offset(4 + 2 * slot)


def test_a_table_has_its_fields_in_their_slots():
    table = root(flatbuffer(("name", None, Byte(7), UInt(70_000), [0.5, -2.0]), b"TEST"))
    assert table.String(field(table, 0) + table.Pos) == b"name"
    assert field(table, 1) == 0
    assert table.Get(number_types.Uint8Flags, field(table, 2) + table.Pos) == 7
    assert table.Get(number_types.Uint32Flags, field(table, 3) + table.Pos) == 70_000
    assert table.VectorLen(field(table, 4)) == 2
    start = table.Vector(field(table, 4))
    assert [table.Get(number_types.Float32Flags, start + 4 * index) for index in range(2)] == [0.5, -2.0]


def test_tables_stand_in_tables_and_in_vectors():
    table = root(flatbuffer((("inner",), [("first",), ("second",)]), b"TEST"))
    inner = Table(table.Bytes, table.Indirect(field(table, 0) + table.Pos))
    assert inner.String(field(inner, 0) + inner.Pos) == b"inner"
    start = table.Vector(field(table, 1))
    items = [Table(table.Bytes, table.Indirect(start + 4 * index)) for index in range(2)]
    assert [item.String(field(item, 0) + item.Pos) for item in items] == [b"first", b"second"]


def test_the_identifier_follows_the_root():
    assert flatbuffer(("name",), b"TEST")[4:8] == b"TEST"
