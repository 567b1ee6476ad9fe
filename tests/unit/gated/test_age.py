"""Age files read in ranges: what pyrage writes is read, and what pyrage refuses is refused."""

from __future__ import annotations

import hmac
import io
import threading
from base64 import b64encode
from collections.abc import Iterator

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import BlockNotFound, InputError, Unverified, WrongKey
from registry.gated.age import CHUNK, HEADER_LIMIT, AgeFile, _hkdf, encrypt, plain_size
from registry.gated.identity import Identity, seal, unseal
from registry.ipfs.cid import CID

KEY = Identity.generate()
PYRAGE_KEY = pyrage.x25519.Identity.from_str(KEY.reveal())
SEALED_CHUNK = CHUNK + 16

sizes = st.one_of(
    st.integers(0, 300),
    st.integers(1, 4).flatmap(lambda n: st.integers(n * CHUNK - 2, n * CHUNK + 2)),
)


def plain(size: int) -> bytes:
    return bytes(number * 31 % 251 for number in range(min(size, 4099))) * (size // 4099 + 1) if size else b""


def encrypted(data: bytes) -> bytes:
    made: bytes = pyrage.encrypt(data, [PYRAGE_KEY.to_public()])
    return made


def opened(sealed: bytes, key: Identity = KEY, *, step: int = 50_000) -> AgeFile:
    def fetch(start: int, end: int) -> Iterator[bytes]:
        for at in range(start, end, step):
            yield sealed[at : min(at + step, end)]

    return AgeFile(fetch, len(sealed), key, "penguins.csv")


def read(file: AgeFile, start: int = 0, end: int | None = None) -> bytes:
    return b"".join(file.read(start, file.size if end is None else end))


def with_stanzas(sealed: bytes, *, before: bytes = b"", after: bytes = b"") -> bytes:
    """The same file with more stanzas around its own, and the MAC that belongs to them."""
    unopened = object.__new__(AgeFile)
    unopened._fetch, unopened._name = lambda start, end: iter([sealed[start:end]]), "it"
    start, stanzas, signed, _, _ = unopened._header(len(sealed))
    intro, end = b"age-encryption.org/v1\n", b"---"
    text = intro + before + signed.removeprefix(intro).removesuffix(end) + after + end
    mac = hmac.digest(_hkdf(unopened._unwrap(stanzas, KEY), b"", b"header"), text, "sha256")
    return text + b" " + b64encode(mac).rstrip(b"=") + b"\n" + sealed[start:]


def payload_at(sealed: bytes) -> int:
    """Where the first chunk begins."""
    return sealed.index(b"\n", sealed.index(b"\n--- ") + 1) + 1 + 16


@given(sizes, st.data())
@settings(deadline=None, max_examples=60)
def test_any_range_is_the_same_range_of_the_plain_text(size: int, data: st.DataObject) -> None:
    text = plain(size)[:size]
    sealed = encrypted(text)
    file = opened(sealed)
    assert file.size == size == plain_size(lambda a, b: iter([sealed[a:b]]), len(sealed), "it")
    start = data.draw(st.integers(0, size))
    end = data.draw(st.integers(start, size))
    assert read(file, start, end) == text[start:end]
    assert read(file) == text


@given(sizes)
@settings(deadline=None, max_examples=40)
def test_what_is_written_here_pyrage_reads(size: int) -> None:
    text = plain(size)[:size]
    sealed = b"".join(encrypt(io.BytesIO(text), KEY))
    assert pyrage.decrypt(sealed, [PYRAGE_KEY]) == text
    assert read(opened(sealed)) == text


def test_no_two_files_share_a_header_a_nonce_or_a_byte_of_payload() -> None:
    one, other = (b"".join(encrypt(io.BytesIO(b"the same"), KEY)) for _ in range(2))
    starts = [payload_at(sealed) for sealed in (one, other)]
    assert one[: starts[0] - 16] != other[: starts[1] - 16]
    assert one[starts[0] - 16 : starts[0]] != other[starts[1] - 16 : starts[1]]
    assert one[starts[0] :] != other[starts[1] :]


def test_a_range_fetches_its_chunks_and_no_others() -> None:
    sealed = encrypted(plain(10 * CHUNK)[: 10 * CHUNK])
    asked: list[tuple[int, int]] = []

    def fetch(start: int, end: int) -> Iterator[bytes]:
        asked.append((start, end))
        yield sealed[start:end]

    file = AgeFile(fetch, len(sealed), KEY, "it")
    asked.clear()
    read(file, 4 * CHUNK + 10, 4 * CHUNK + 20)
    assert [end - start for start, end in asked] == [SEALED_CHUNK]


@given(st.integers(0, 10_000), st.integers(1, 255))
@settings(deadline=None, max_examples=150)
def test_a_changed_byte_is_refused_wherever_it_is(place: int, flip: int) -> None:
    text = plain(CHUNK + 100)[: CHUNK + 100]
    sealed = bytearray(encrypted(text))
    # Mostly in the header, where the rules are, and some in the payload.
    at = place % (payload_at(bytes(sealed)) + 40) if place % 5 else place * 7 % len(sealed)
    sealed[at] ^= flip
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(bytes(sealed), [PYRAGE_KEY])
    with pytest.raises((Unverified, WrongKey)):
        read(opened(bytes(sealed)))


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_a_file_that_was_cut_off_is_refused_before_any_of_it_is_read(size: int) -> None:
    sealed = encrypted(plain(size)[:size])
    start = payload_at(sealed)
    cuts = {start - 20, start - 1, start, start + 5, start + 16, len(sealed) - 1, len(sealed) - 17}
    cuts |= {start + number * SEALED_CHUNK for number in range(size // CHUNK)}
    for cut in sorted(cut for cut in cuts if cut < len(sealed)):
        with pytest.raises((Unverified, WrongKey)):
            opened(sealed[:cut])


def test_chunks_cannot_change_places_or_come_from_another_file_of_the_same_key() -> None:
    text = plain(3 * CHUNK)[: 3 * CHUNK]
    one, other = encrypted(text), encrypted(text)
    start = payload_at(one)
    chunk = [one[start + n * SEALED_CHUNK : start + (n + 1) * SEALED_CHUNK] for n in range(3)]
    reordered = one[:start] + chunk[1] + chunk[0] + chunk[2]
    repeated = one[:start] + chunk[0] + chunk[0] + chunk[2]
    theirs = payload_at(other)
    foreign = one[:start] + other[theirs : theirs + SEALED_CHUNK] + chunk[1] + chunk[2]
    for forged in (reordered, repeated, foreign):
        with pytest.raises(Unverified, match="chunk"):
            read(opened(forged))
    # The last chunk is marked as the last: it cannot stand earlier, nor another at the end.
    for forged in (one[:start] + chunk[2], one[:start] + chunk[0] + chunk[1], one + chunk[0]):
        with pytest.raises(Unverified):
            opened(forged)


def test_an_empty_last_chunk_is_refused() -> None:
    sealed = encrypted(plain(CHUNK)[:CHUNK])
    with pytest.raises(Unverified, match="within a chunk"):
        opened(sealed + b"\0" * 16)


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(WrongKey, match="not sealed to"):
        opened(encrypted(b"secret"), Identity.generate())


def test_one_of_several_recipients_opens_it() -> None:
    other = pyrage.x25519.Identity.generate().to_public()
    assert read(opened(pyrage.encrypt(b"for both", [other, PYRAGE_KEY.to_public()]))) == b"for both"


SCRYPT = b"-> scrypt " + b"A" * 22 + b" 18\n" + b"A" * 43 + b"\n"


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_passphrase_beside_another_recipient_is_refused_wherever_it_stands(place: str) -> None:
    """Who knows the passphrase could have written the file, and not its publisher; pyrage refuses it too."""
    forged = with_stanzas(encrypted(b"secret"), **{place: SCRYPT})
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(forged, [PYRAGE_KEY])
    with pytest.raises(Unverified, match="passphrase beside other recipients"):
        opened(forged)


def test_recipients_of_a_kind_that_is_not_known_here_do_no_harm() -> None:
    made = with_stanzas(encrypted(b"secret"), before=b"-> future a b\n\n", after=b"-> grease\nAAAA\n")
    assert read(opened(made)) == pyrage.decrypt(made, [PYRAGE_KEY]) == b"secret"


SHARE, WRAPPED = b64encode(b"\t" + bytes(31)).rstrip(b"="), b64encode(bytes(32)).rstrip(b"=")


@pytest.mark.parametrize(
    ("stanza", "fault"),
    [
        (b"-> X25519\n" + WRAPPED, "X25519 stanza is malformed"),
        (b"-> X25519 " + SHARE + b" more\n" + WRAPPED, "X25519 stanza is malformed"),
        (b"-> X25519 " + SHARE + b"\n" + b64encode(bytes(31)).rstrip(b"="), "X25519 stanza is malformed"),
        (b"-> X25519 " + SHARE + b"\n" + b64encode(bytes(33)), "X25519 stanza is malformed"),
        (b"-> X25519 " + b64encode(bytes(31)).rstrip(b"=") + b"\n" + WRAPPED, "not base64 in its usual form"),
        (b"-> X25519 " + b64encode(bytes(33)) + b"\n" + WRAPPED, "not base64 in its usual form"),
        (b"-> X25519 " + WRAPPED + b"\n" + WRAPPED, "X25519 share is of low order"),
    ],
)
def test_a_stanza_of_our_kind_with_a_part_too_many_too_few_or_of_another_size_is_refused(
    stanza: bytes, fault: str
) -> None:
    """Also where the next one opens the file: two readers of one file must read the same, or nothing."""
    made = with_stanzas(encrypted(b"secret"), before=stanza + b"\n")
    with pytest.raises(Unverified, match=fault):
        opened(made)
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(made, [PYRAGE_KEY])


def test_a_stanza_of_our_kind_for_somebody_else_is_passed_over() -> None:
    made = with_stanzas(encrypted(b"secret"), before=b"-> X25519 " + SHARE + b"\n" + WRAPPED + b"\n")
    assert read(opened(made)) == pyrage.decrypt(made, [PYRAGE_KEY]) == b"secret"


def test_a_header_for_hundreds_of_recipients_is_read() -> None:
    others = [pyrage.x25519.Identity.generate().to_public() for _ in range(200)]
    sealed = pyrage.encrypt(b"for all of them", [*others, PYRAGE_KEY.to_public()])
    assert payload_at(sealed) > 16 * 1024
    assert read(opened(sealed)) == pyrage.decrypt(sealed, [PYRAGE_KEY]) == b"for all of them"


def test_no_more_is_fetched_of_a_header_than_its_limit() -> None:
    """A file that only looks like age's, of any length, costs its reader the limit and not a byte more."""
    stanza = b"-> X25519 " + b"A" * 43 + b"\n" + b"A" * 43 + b"\n"
    endless, fetched = b"age-encryption.org/v1\n" + stanza * 10_000, 0

    def fetch(start: int, end: int) -> Iterator[bytes]:
        nonlocal fetched
        for at in range(start, end, 5_000):
            piece = endless[at : min(at + 5_000, end)]
            fetched += len(piece)
            yield piece

    assert len(endless) > 3 * HEADER_LIMIT
    with pytest.raises(Unverified, match="header has no end"):
        AgeFile(fetch, len(endless), KEY, "it")
    assert fetched == HEADER_LIMIT


@pytest.mark.parametrize("size", [0, 5, CHUNK, CHUNK + 5])
@pytest.mark.parametrize(
    ("start", "end"), [(0, 10**9), (3, CHUNK + 99), (CHUNK + 5, 10**9), (10**9, 2 * 10**9), (-7, 3), (-9, -2), (4, 2)]
)
def test_a_read_beyond_the_ends_gives_what_a_file_would(size: int, start: int, end: int) -> None:
    text = plain(size)[:size]
    assert read(opened(encrypted(text)), start, end) == text[max(start, 0) : max(end, 0)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"age-encryption.org/v1\n",
        b"age-encryption.org/v2\n-> X25519 a\n\n--- b\n",
        b"age-encryption.org/v1\n-> X25519\n\n--- " + b"A" * 43 + b"\n",
        b"age-encryption.org/v1\n--- " + b"A" * 43 + b"\n" + b"\0" * 48,
        b"age-encryption.org/v1\n-> X25519 AA\nAA==\n--- " + b"A" * 43 + b"\n" + b"\0" * 48,
        b"age-encryption.org/v1\n-> x\n" + b"A" * 64 + b"\n--- " + b"A" * 43 + b"\n",
        b"age-encryption.org/v1\n" + b"-> x\n\n" * 10_000,
    ],
)
def test_what_is_no_age_file_is_refused(data: bytes) -> None:
    with pytest.raises((Unverified, WrongKey)):
        opened(data)


def test_an_armored_file_of_our_sealing_is_opened_by_pyrage_and_back() -> None:
    armor = seal("a share", KEY.recipient)
    assert pyrage.decrypt(armor.encode(), [PYRAGE_KEY]) == b"a share"
    theirs = pyrage.encrypt(b"another", [PYRAGE_KEY.to_public()], armored=True).decode()
    assert unseal(theirs, KEY) == "another"
    with pytest.raises(InputError, match="not sealed"):
        unseal(armor, Identity.generate())


def test_an_identity_says_nothing_of_itself() -> None:
    secret = KEY.reveal()
    assert Identity.parse(secret) == KEY
    assert secret not in repr(KEY) + str(KEY) + f"{KEY!a}"
    import pickle

    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(KEY)
    slip = secret[:-1] + ("Q" if secret[-1] != "Q" else "P")
    with pytest.raises(InputError) as refused:
        Identity.parse(slip)
    assert slip not in str(refused.value)


@pytest.mark.parametrize("step", [1, 7, 64])
def test_the_header_may_come_in_pieces_of_any_size(step: int) -> None:
    assert read(opened(encrypted(b"short"), step=step)) == b"short"


# --- Reads that are long enough for a thread that fetches ahead ----------------------------------

LONG = 70 * CHUNK + 5


@pytest.fixture(scope="module")
def long() -> tuple[bytes, bytes]:
    text = plain(LONG)[:LONG]
    return text, encrypted(text)


def fetchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "age"]


def test_a_long_read_is_the_plain_text(long: tuple[bytes, bytes]) -> None:
    text, sealed = long
    file = opened(sealed)
    assert read(file) == text
    assert read(file, 3, LONG - 3) == text[3:-3]
    assert not fetchers()


def test_whoever_leaves_a_long_read_leaves_no_thread_behind_and_the_rest_unread(long: tuple[bytes, bytes]) -> None:
    text, sealed = long
    came = []

    def fetch(start: int, end: int) -> Iterator[bytes]:
        for at in range(start, end, CHUNK):
            came.append(at)
            yield sealed[at : min(at + CHUNK, end)]

    pieces = AgeFile(fetch, len(sealed), KEY, "penguins.csv").read(0, LONG)
    first = next(pieces)
    assert text.startswith(first) and fetchers()
    pieces.close()  # type: ignore[attr-defined]
    assert not fetchers() and len(came) < 20


def test_what_fails_in_the_middle_of_a_long_read_fails_for_its_reader(long: tuple[bytes, bytes]) -> None:
    _text, sealed = long
    whole = opened(sealed)

    def fetch(start: int, end: int) -> Iterator[bytes]:
        for at in range(start, end, CHUNK):
            if at > len(sealed) // 2 and end - start > CHUNK + 16:
                raise BlockNotFound(CID.raw(b"gone"), "a stranger")
            yield sealed[at : min(at + CHUNK, end)]

    with pytest.raises(BlockNotFound):
        read(AgeFile(fetch, len(sealed), KEY, "penguins.csv"), 0, whole.size)
    assert not fetchers()
    spoilt = bytearray(sealed)
    spoilt[len(sealed) // 2] ^= 1
    with pytest.raises(Unverified, match=r"chunk 3[45]"):
        read(opened(bytes(spoilt)))
    assert not fetchers()
