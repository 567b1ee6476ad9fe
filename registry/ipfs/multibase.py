"""The text forms of a CID: base16, base32, base36, base58btc and base64 (multiformats/multibase), strictly decoded."""

from __future__ import annotations

from base64 import b32decode, b32encode, b64decode, b64encode

__all__ = ["base32", "base36", "base58", "decode"]

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def base32(data: bytes) -> str:
    """RFC 4648 base32, lower case, without padding."""
    return b32encode(data).decode("ascii").rstrip("=").lower()


def base58(data: bytes) -> str:
    """Bitcoin's base58; each leading zero byte is a leading '1'."""
    return _digits(data, _BASE58)


def base36(data: bytes) -> str:
    """Base36, lower case; each leading zero byte is a leading '0'."""
    return _digits(data, _BASE36)


def _digits(data: bytes, alphabet: str) -> str:
    number, digits = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, len(alphabet))
        digits = alphabet[digit] + digits
    zeros = len(data) - len(data.lstrip(b"\0"))
    return alphabet[0] * zeros + digits


def decode(prefix: str, text: str) -> bytes:
    """The bytes of `text` in the base that `prefix` names: b, f, k (also in capitals), z, m or u. Raises ValueError.

    In base16, base32 and base36 letters are the same in both cases, since hosts' names are. But for that, a text is
    refused unless encoding its bytes gives it again.
    """
    if prefix in "bfkBFK":
        prefix, text = prefix.lower(), text.lower()
    match prefix:
        case "b":
            return _base32(text)
        case "f":
            if set(text) - set("0123456789abcdef"):
                raise ValueError("it has a character that is not of base16")
            if len(text) % 2:
                raise ValueError("it has half a byte too many for base16")
            return bytes.fromhex(text)
        case "k":
            return _positional(text, _BASE36)
        case "z":
            return _positional(text, _BASE58)
        case "m" | "u":
            return _base64(text, b"-_" if prefix == "u" else b"+/")
        case _:
            raise ValueError(f"its first character, {prefix!r}, names no base that is read here (b, z, k, f, m, u)")


def _base64(text: str, last: bytes) -> bytes:
    try:
        data = b64decode(text + "=" * (-len(text) % 4), last, validate=True)
    except ValueError:
        raise ValueError("it has a character that is not of base64") from None
    if b64encode(data, last).decode("ascii").rstrip("=") != text:
        raise ValueError("its last character has bits beyond the last byte, or it is padded")
    return data


def _base32(text: str) -> bytes:
    if set(text) - set("abcdefghijklmnopqrstuvwxyz234567"):
        raise ValueError("it has a character that is not of base32")
    data = b32decode(text.upper() + "=" * (-len(text) % 8))
    if base32(data) != text:
        raise ValueError("its last character has bits beyond the last byte")
    return data


def _positional(text: str, alphabet: str) -> bytes:
    number = 0
    for char in text:
        digit = alphabet.find(char)
        if digit < 0:
            raise ValueError(f"it has the character {char!r}, which is not of base{len(alphabet)}")
        number = number * len(alphabet) + digit
    zeros = len(text) - len(text.lstrip(alphabet[0]))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
