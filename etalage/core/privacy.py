"""Whether what one shopper typed may be kept, and shown to others."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from etalage.core.text import compact, fold

MAX_LENGTH: Final = 80

EMAIL, URL, CARD, IBAN, NATIONAL, PHONE = "e-mail address", "URL", "card number", "IBAN", "national id", "phone number"
ORDER, LONG, ADDRESS, TOO_LONG = "order number", "long number", "postal address", "too long"

_SUSPECT: Final = re.compile(r"[0-9@]|\bat\b|//|www\.")
"""What every text has that a pattern finds; most queries have nothing of it."""

_EMAIL: Final = re.compile(
    r"[^\s@]+@[^\s@]+\.[^\s@]+|\w\s*(?:[(\[]at[)\]]|\sat\s)\s*\w[\w-]*\s*(?:\.|\sdot\s|[(\[]dot[)\]])\s*(?:com|org|net|edu|info|eu|uk|de|fr|es|it|nl|cn)\b"
)
_URL: Final = re.compile(r"https?://|www\.")

_GAP = r"[\s.-]?"
_CARD: Final = re.compile(rf"(?<![0-9])(?:[0-9]{_GAP}){{13,18}}[0-9](?![0-9])")
_ISSUER: Final = re.compile(
    r"4(?:.{15}|.{18})|(?:5[1-5]|2[2-7]).{14}|3[47].{13}|3(?:0[0-5]|[689].).{11}|(?:6011|65..|64[4-9].|35..).{12}|62.{14,17}"
)
"""Numbers of Visa, Mastercard, American Express, Diners, Discover, JCB and UnionPay (ISO/IEC 7812)."""

_IBAN: Final = re.compile(
    r"(?<![0-9a-z])[a-z]{2}[0-9]{2}(?:[0-9a-z]{11,27}|(?: [0-9a-z]{4}){2,6}(?: [0-9a-z]{1,4})?)(?![0-9a-z])"
)
_IBAN_LENGTHS: Final = {
    country: int(length)
    for length, countries in (
        one.split(":")
        for one in (
            "15:no 16:be 18:dk,fi,fo,gl,nl,sd 19:mk,si 20:at,ba,ee,kz,lt,lu,mn,xk 21:ch,cr,hr,li,lv 22:bg,bh,de,gb,ge,ie,me,rs,va"
            " 23:ae,gi,il,iq,om,so,tl 24:ad,cz,es,md,pk,ro,sa,se,sk,tn,vg 25:ly,pt,st 26:is,tr 27:bi,dj,fr,gr,it,mc,mr,sm"
            " 28:al,az,by,cy,do,gt,hu,lb,ni,pl,sv 29:br,eg,ps,qa,ua 30:jo,kw,mu,yt 31:mt,sc"
        ).split()
    )
    for country in countries.split(",")
}
"""Characters of an IBAN, by country (the register of ISO 13616)."""

_SSN: Final = re.compile(r"(?<![0-9a-z-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![0-9-])")
_NINO: Final = re.compile(
    r"\b(?!bg|gb|nk|kn|tn|nt|zz)[a-ceghj-prtw-z][a-ceghj-nprtw-z] [0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[a-d]\b"
)
"""Written with blanks: without, a product number may look the same."""
_CHINESE: Final = re.compile(r"(?<![0-9])[1-9][0-9]{5}(?:19|20)[0-9]{9}[0-9x](?![0-9a-z])")
_NIR: Final = re.compile(
    r"(?<![0-9])[12]\s?[0-9]{2}\s?(?:0[1-9]|1[0-2]|[2-9][0-9])\s?(?:[0-9]{2}|2[ab])\s?[0-9]{3}\s?[0-9]{3}\s?[0-9]{2}(?![0-9])"
)
_TAX: Final = re.compile(r"(?<![0-9])[1-9][0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}(?![0-9])")

_PHONE: Final = re.compile(
    r"(?<![^\s:])(?:\+\s?|00\s?)[1-9](?:[\s()./-]*[0-9]){7,14}(?![0-9])"
    r"|(?<![0-9.-])(?:\+?1[\s.-])?(?:\([2-9][0-9]{2}\)\s?|[2-9][0-9]{2}[.-])[2-9][0-9]{2}[.-][0-9]{4}(?![0-9.-])"
    r"|\b(?:tel|telephone|phone|mobile|call|fax|whatsapp|telefon|handy)\.?:?\s*(?:no|nr|number)?\.?:?\s*\+?[0-9](?:[\s()./-]*[0-9]){6,14}(?![0-9])"
    r"|(?:电话|手机|微信)\D{0,3}1[3-9](?:[\s-]?[0-9]){9}(?![0-9])"
)
_ORDER: Final = re.compile(r"\b(?:order|invoice|tracking|account|customer)\s*(?:no|nr|number|id|#)?\.?\s*#?[0-9]{4,}")
_NUMBER: Final = re.compile(r"(?<![0-9a-z])(?:[0-9][\s().+/-]*){9,}|[0-9]{9,}")
_ADDRESS: Final = re.compile(
    r"(?<![\w/.-])[0-9]{1,5}[a-z]?\s+((?:[^\W\d_]{3,}\s){1,2})(?:street|road|avenue|boulevard|blvd)\b(?!\s*(?:shoe|sign|lamp|light|bike|tire|tyre|map))"
    r"|(?<![\w/.-])[0-9]{1,5}[a-z]?\s+((?:[^\W\d_]{3,}\s){1,2})(?:st|rd|ave|ln|lane|drive|dr|court|way)\.?(?=\s*(?:$|,|apt\b|unit\b|#|[0-9]{4,5}\b))"
    r"|\b\w+(?:str(?:asse|\.)|gasse|weg|platz|straat)\s+[0-9]{1,4}\b"
    r"|\b[0-9]{1,4}(?:\sbis|\ster)?,?\s(?:rue|boulevard|chemin|impasse)\s(?:de|du|des|la|le|saint|\w{4,})"
    r"|\b(?:calle|via|rua|avenida)\s\w+(?:\s\w+){0,2},?\s[0-9]{1,4}$"
    r"|[\u4e00-\u9fff]{2}(?:路|街|大道|巷|弄)[0-9]{1,5}[号弄]"
)
_MEASURES: Final = frozenset(
    "inch inches foot feet yard gallon quart pound watt volt amp gang pack piece light wire speed drawer door panel"
    " port pole cubic square gauge step tier socket hole ton bit bay lamp head zone person seat shelf stage point degree rpm"
    " hard worm flash disk tape pen usb sata ssd sas".split()
)
"""Words after a number that make it a size, and no number of a house: `4 inch drive`, `2 gang three way`, `250 gb hard drive`."""


def personal(text: str) -> str:
    """What of a person is certainly in a text, or an empty string: it is neither kept nor shown.

    E-mail addresses, card numbers (with their check digit, ISO/IEC 7812), IBANs (ISO 13616), telephone numbers in international or
    North American form or named so, postal addresses, and national ids: US social security, UK insurance, Chinese resident id
    (GB 11643), French NIR and German tax id (ISO 7064), the last three by their check digits.
    """
    folded = fold(text)
    if not _SUSPECT.search(folded):
        return ""
    checks: tuple[tuple[Callable[[str], bool], str], ...] = (
        (_has_email, EMAIL), (_has_card, CARD), (_has_iban, IBAN), (_has_national, NATIONAL), (_has_phone, PHONE),
        (_has_address, ADDRESS),
    )  # fmt: skip
    return next((reason for has, reason in checks if has(folded)), "")


def unfit(query: str, known: Callable[[str], bool] = lambda number: False) -> str:
    """Why a query must not become a completion, or an empty string: what is `personal`, a URL, an order number, a long number,
    or a text longer than `MAX_LENGTH` characters.

    Args:
        known: whether the catalog has a product of this number (no blanks or punctuation): such long numbers are fit.
    """
    if len(query) > MAX_LENGTH:
        return TOO_LONG
    folded = fold(query)
    if not _SUSPECT.search(folded):
        return ""
    if _URL.search(folded) and not _has_email(folded):
        return URL
    found = personal(folded)
    if found:
        return found
    if _ORDER.search(folded):
        return ORDER
    return "" if all(known(compact(one.group())) for one in _NUMBER.finditer(folded)) else LONG


def _has_email(text: str) -> bool:
    return _EMAIL.search(text) is not None


def _has_phone(text: str) -> bool:
    return any(not _gtin(one.group()) for one in _PHONE.finditer(text))


def _gtin(text: str) -> bool:
    """Whether this is a trade item number (12 to 14 digits, GS1 check digit): those that begin with 00 look like telephone numbers."""
    if not (text.isdigit() and 12 <= len(text) <= 14):
        return False
    return sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(reversed(text))) % 10 == 0


def _has_address(text: str) -> bool:
    return any(_MEASURES.isdisjoint((one[1] or one[2] or "").split()) for one in _ADDRESS.finditer(text))


def _has_card(text: str) -> bool:
    numbers = (re.sub(r"\D", "", one.group()) for one in _CARD.finditer(text))
    return any(_ISSUER.fullmatch(number) and _luhn(number) for number in numbers)


def _luhn(number: str) -> bool:
    return (
        sum(sum(divmod(2 * int(digit), 10)) if at % 2 else int(digit) for at, digit in enumerate(reversed(number))) % 10
        == 0
    )


def _has_iban(text: str) -> bool:
    for one in _IBAN.finditer(text):
        # A word may follow that looks like a part of it.
        number = one.group().replace(" ", "")[: _IBAN_LENGTHS.get(one.group()[:2], 0)]
        turned = "".join(str(int(char, 36)) for char in number[4:] + number[:4])
        if number and len(number) == _IBAN_LENGTHS[number[:2]] and int(turned) % 97 == 1:
            return True
    return False


def _has_national(text: str) -> bool:
    return (
        _SSN.search(text) is not None
        or _NINO.search(text) is not None
        or any(_resident(one.group()) for one in _CHINESE.finditer(text))
        or any(_nir(one.group()) for one in _NIR.finditer(text))
        or any(_tax(one.group()) for one in _TAX.finditer(text))
    )


def _resident(number: str) -> bool:
    """GB 11643-1999: ISO 7064 MOD 11-2, and a date of birth."""
    if not ("01" <= number[10:12] <= "12" and "01" <= number[12:14] <= "31"):
        return False
    total = sum(int(digit) * (2 ** (17 - at) % 11) for at, digit in enumerate(number[:17]))
    return "10x98765432"[total % 11] == number[17]


def _nir(number: str) -> bool:
    number = "".join(number.split()).replace("2a", "19", 1).replace("2b", "18", 1)
    return 97 - int(number[:13]) % 97 == int(number[13:])


def _tax(number: str) -> bool:
    """ISO 7064 MOD 11, 10; of the first ten digits exactly one comes twice or three times."""
    number = number.replace(" ", "")
    repeated = sorted(number[:10].count(digit) for digit in set(number[:10]))
    if repeated[-1] not in (2, 3) or (len(repeated) > 1 and repeated[-2] > 1):
        return False
    product = 10
    for digit in number[:10]:
        product = 2 * ((int(digit) + product) % 10 or 10) % 11
    return (11 - product) % 10 == int(number[10])
