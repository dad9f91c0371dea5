"""How often languages write a letter: rough figures, enough to tell text from what a wrong encoding makes of it."""

from __future__ import annotations

from typing import NamedTuple


def _falling(letters: str, *, first: float, last: float) -> dict[str, float]:
    """Letters from the most to the least frequent, in geometric steps."""
    step = (last / first) ** (1 / max(1, len(letters) - 1))
    return {letter: first * step**index for index, letter in enumerate(letters)}


def _even(letters: str, share: float) -> dict[str, float]:
    return {letter: share / len(letters) for letter in letters}


def _range(first: str, last: str) -> str:
    return "".join(map(chr, range(ord(first), ord(last) + 1)))


# Of all letters, ASCII ones too: 3 to 20 of 100 have an accent.
_SEEN_AT_TIMES = _falling("°²³·ºªœžšýćłńğðþ", first=0.0005, last=0.00005)
WESTERN = {**_SEEN_AT_TIMES, **_falling("éäöüáíóèãçàêñúôâßåøæîûëïùõìò", first=0.03, last=0.002)}
CENTRAL = {**_SEEN_AT_TIMES, **_falling("áíéěýščřžůłóąęöüúőśćńżűźăâîșțşţťňď", first=0.03, last=0.002)}
TURKISH = {**_SEEN_AT_TIMES, **_falling("ıüşçöğâ", first=0.05, last=0.002)}
CYRILLIC = {
    **_falling("оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфёъ", first=0.11, last=0.0005),
    **_falling("іїєґўћђјљњ", first=0.001, last=0.0001),
}
GREEK = _falling("αοιετσνηυρπκμλςωγδχθφβξζψάέίόήύώϊϋ", first=0.12, last=0.002)
HEBREW = _falling("יוהלאתרבםמשנעדקחפכגטסןצזףךץ", first=0.11, last=0.002)
ARABIC = _falling("الينمرتوبعدةسفحكقجهشطصخضذزءأثظغئىإؤآ", first=0.13, last=0.0005)
THAI = _falling("านรก่อเง้ีมยลวดทตสัะิปพบคหไแจุขืูใชึโถำซผ์ธ็ณญษศฟภฉฎฐฝฮฆ๊ฬฤฏฑฒฌ๋ๆฯ", first=0.09, last=0.0002)
KANA = {
    **_even(_range("ぁ", "ん"), 0.33),
    **_even(_range("ァ", "ヴ") + "ー", 0.36),
    **_even(_range("｡", "ﾟ"), 0.002),
}


class Hangul(NamedTuple):
    """The parts of a syllable, in the order of Unicode."""

    initials: tuple[float, ...]
    vowels: tuple[float, ...]
    finals: tuple[float, ...]


def _percents(numbers: str) -> tuple[float, ...]:
    return tuple(float(number) / 100 for number in numbers.split())


HANGUL = Hangul(
    initials=_percents("13 1 8 8 1 8 6 6 .5 10 .5 20 7 .2 3 2 2 2 6"),
    vowels=_percents("20 6 2 .02 10 5 5 .5 12 2 .2 1 2 9 1 .1 1 1 8 1 16"),
    finals=_percents("56 7 .1 .01 13 .01 .1 .3 8 .1 .01 .01 .001 .001 .001 .01 5 2 .01 2 .5 8 .2 .2 .01 .2 .2 .2"),
)

# Half of all characters that are written, and what often names a class of photos.
SIMPLIFIED = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道"
    "行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心本前开因只从想实日者意无力与"
    "长把机十民第公工使情明性知全三关点正业外将两高间由问很最重并物手应向头文体美相见利二等产或新制身果加西月"
    "合回特代内信表化老给位次度门常先海通教原东声提立比员解水名真处走口条平气活更别打女变四神电数安少报结反目"
    "太量再建场件计管期市直金指区保形空山马科五书白光放强色路记南品类北边死交格清树草花鸟鱼虫猫狗牛羊猪鸡鸭蛇"
    "车船红绿蓝黄黑灰玫瑰郁香葵蕉苹桃梨橙瓜豆米良异坏裂痕"
)
KANJI = frozenset(
    "日一国会人年大十二本中長出三同時事自行社見月分後前民生連五発間対上部東者地合市業内相方四定今回新場金員九"
    "入選立開手米力学問高代明実円関決子動京全目表戦経通外最言現理調体化田当八六約主題下首意法不来作性的要用制"
    "治度務強気小七成期公野取都和統以機平総加山思家話世受区多県続進正安設保改数記院女初北指権心界支第産結百点"
    "教報書活原先共得解名交予川向面文反元重近千考判認画海参売利組知道信集在件別物側任引使求所次水半品計死係感"
    "特情投示変打男基私各始島直両朝価式確村運果西台広容必応電住能無再位置真流格有口過局少放検町常校料状工建語"
    "球空土止送可役木割聞身付切由説食車南石足消番白黒赤青緑黄色犬猫鳥魚馬牛花桜葉森林雨雪薔薇菊梅竹松裏傷良異"
    "欠虫草"
)
