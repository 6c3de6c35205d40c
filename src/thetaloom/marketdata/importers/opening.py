"""Opens what people keep such files in: plain, gzip, zstandard and zip files, folders of them, any encoding of text."""

from __future__ import annotations

import codecs
import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from thetaloom.errors import InvalidInput
from thetaloom.marketdata.importers.kinds import AS_CSV, is_workbook, kind_of
from thetaloom.marketdata.importers.zstandard import Unpacked, unpacked_most

SNIFFED = 65_536
BLOCK = 1 << 20
ZIPS_DEEP_MAX = 3
MEMBERS_MAX = 100_000
# Real tables pack to a tenth; what unpacks to more than this many times its size is there to do harm.
UNPACKED_TIMES_MAX, UNPACKED_FREE = 200, 1 << 28
LINE_BYTES_MAX = 1 << 26
MEMBER_BYTES_MAX = 1 << 30  # of an archive inside an archive, which has to be held in memory
GZIP, ZSTD, ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
LOCAL_HEAD = struct.Struct("<4s22xHH")  # of a member in a zip archive: its mark, and two sizes
ENCRYPTED = 1
EMPTY_ZIP = b"PK\x05\x06"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file as the person named it, or one member of an archive."""

    path: Path
    members: tuple[str, ...] = ()  # one name for each archive that must be opened on the way
    refused: InvalidInput | None = field(default=None, compare=False)  # why nothing of it can be read

    @property
    def name(self) -> str:
        """What to call it to people."""
        return "!".join([str(self.path), *self.members])

    @property
    def stem(self) -> str:
        """The name without folders and endings."""
        last = Path(self.members[-1]) if self.members else self.path
        name = last.name
        while Path(name).suffix.lower() in {".gz", ".zst", ".zip", ".csv", ".txt", ".json", ".tsv"}:
            name = Path(name).stem
        return name


def list_sources(path: Path, *, leave_out: Collection[Path] = ()) -> list[Source]:
    """Return the readable files at ``path``: itself, the members of an archive, or the files below a folder."""
    if not path.exists():
        raise InvalidInput(f"{path} does not exist", details={"path": str(path)})
    if path.is_dir():
        listed = [each for each in sorted(path.rglob("*")) if each not in leave_out and _is_candidate(each)]
        found = [source for each in listed for source in _sources_of(each)]
        if not found and not leave_out:
            raise InvalidInput(f"folder {path} holds no files", details={"path": str(path)})
        return found
    if not path.is_file():
        raise InvalidInput(f"{path} is not a file", details={"path": str(path)})
    with reading(path) as stream:
        head = stream.read(4)
    if head not in (ZIP, EMPTY_ZIP):
        return [Source(path=path)]
    return [Source(path=path, members=members) for members in _members(path)]


def _sources_of(path: Path) -> list[Source]:
    try:
        return list_sources(path)
    except InvalidInput as error:  # one bad archive does not hold up the rest of its folder
        return [Source(path=path, refused=error)]


def _is_candidate(path: Path) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts[-3:])
    return path.is_file() and not hidden and path.suffix.lower() not in {".parquet", ".md", ".py", ".pdf"}


def _members(path: Path) -> Iterator[tuple[str, ...]]:
    with reading(path) as stream:
        yield from _members_of(stream, str(path), ())


def _members_of(stream: BinaryIO, name: str, before: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    with _archive(stream, name) as archive:
        for one in _listed(archive, stream.seek(0, io.SEEK_END), name):
            here = (*before, one.filename)
            if not _is_archive(one.filename):
                yield here
                continue
            if len(here) >= ZIPS_DEEP_MAX:
                raise InvalidInput(f"{name}: archives in archives go deeper than {ZIPS_DEEP_MAX}")
            yield from _members_of(_held(archive, one, name), f"{name}!{one.filename}", here)


def _listed(archive: zipfile.ZipFile, packed: int, name: str) -> list[zipfile.ZipInfo]:
    listed = [one for one in archive.infolist() if not one.is_dir() and not _is_a_systems_own(one.filename)]
    if len(listed) > MEMBERS_MAX:
        raise InvalidInput(f"{name} has {len(listed):,} members; {MEMBERS_MAX:,} are the most that are read")
    if not listed:
        raise InvalidInput(f"{name} is an archive without files", details={"path": name})
    if is_workbook({one.filename for one in listed}):
        raise InvalidInput(f"{name} is a workbook, not text", advice=AS_CSV, details={"path": name})
    if sum(one.file_size for one in listed) > _unpacked_max(packed):
        raise _bomb(name)
    return listed


def _is_a_systems_own(member: str) -> bool:
    return "__MACOSX" in member or Path(member).name.startswith(".")


def _is_archive(member: str) -> bool:
    return member.lower().endswith(".zip")


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Open a file; what the system refuses is said as bad input."""
    try:
        with path.open("rb") as stream:
            yield stream
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}", details={"path": str(path)}) from error


def read_members(path: Path) -> tuple[list[str], list[bytes]]:
    """Return the names and the texts of a plain archive's members, each text ended by a line feed unless empty.

    The archive is opened once: it may have thousands of members.
    """
    with reading(path) as stream, _damage(Source(path=path)), _archive(stream, str(path)) as archive:
        packed = path.read_bytes()
        listed = _listed(archive, len(packed), str(path))
        texts = [_unpacked_member(archive, one, packed) for one in listed]
    ended = [text if not text or text.endswith(b"\n") else text + b"\n" for text in texts]
    return [one.filename for one in listed], ended


def _unpacked_member(archive: zipfile.ZipFile, one: zipfile.ZipInfo, packed: bytes) -> bytes:
    # What zipfile does for a plain member in many steps, in one: small members are read five times as fast.
    head = packed[one.header_offset : one.header_offset + LOCAL_HEAD.size]
    if one.compress_type != zipfile.ZIP_DEFLATED or one.flag_bits & ENCRYPTED or len(head) < LOCAL_HEAD.size:
        return archive.read(one)
    magic, name_size, extra_size = LOCAL_HEAD.unpack(head)
    start = one.header_offset + LOCAL_HEAD.size + name_size + extra_size
    if magic != ZIP:
        return archive.read(one)
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    text = unpacker.decompress(packed[start : start + one.compress_size], one.file_size + 1)
    if len(text) != one.file_size or zlib.crc32(text) != one.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {one.filename!r}")
    return text


@contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """Give the bytes of a source, unpacked; damaged packing is said when it is come upon."""
    with reading(source.path) as stream, _damage(source):
        inner: BinaryIO = stream
        for member in source.members:
            archive = _archive(inner, source.name)
            one = archive.getinfo(member)
            inner = _held(archive, one, source.name) if _is_archive(member) else _member(archive, one)
        yield _unpacked(inner, source)


@contextmanager
def _damage(source: Source) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, RuntimeError) as error:
        raise InvalidInput(
            f"{source.name} is damaged or cut short: {str(error)[:200] or type(error).__name__}",
            advice="Download it again; nothing of a damaged archive is imported.",
            details={"path": source.name},
        ) from error


def _archive(stream: BinaryIO, name: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, RuntimeError, ValueError) as error:
        raise InvalidInput(
            f"{name} is a damaged or cut zip archive: {str(error)[:200]}",
            advice="Download it again; nothing of a damaged archive is imported.",
            details={"path": name},
        ) from error


def _unpacked_max(packed: int) -> int:
    return max(UNPACKED_FREE, UNPACKED_TIMES_MAX * packed)


def _bomb(name: str) -> InvalidInput:
    return InvalidInput(
        f"{name} would unpack to more than {UNPACKED_TIMES_MAX} times its size: it is not read",
        advice="No table packs so well. Unpack it yourself if you know what it is.",
        details={"path": name},
    )


class _Measured(io.RawIOBase):
    """What a packed stream gives, up to as much as a real table can have been."""

    def __init__(self, stream: BinaryIO, most: int, name: str) -> None:
        self._stream, self._most, self._name = stream, most, name

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read as much as there is room for."""
        found = self._stream.read(len(buffer))
        self._most -= len(found)
        if self._most < 0:
            raise _bomb(self._name)
        buffer[: len(found)] = found
        return len(found)


def _member(archive: zipfile.ZipFile, one: zipfile.ZipInfo) -> BinaryIO:
    return io.BufferedReader(archive.open(one), BLOCK)  # type: ignore[type-var]  # a ZipExtFile reads into buffers as raw files do


def _held(archive: zipfile.ZipFile, one: zipfile.ZipInfo, name: str) -> BinaryIO:
    if one.file_size > MEMBER_BYTES_MAX:
        raise InvalidInput(f"{name}: the archive {one.filename} inside it is larger than {MEMBER_BYTES_MAX:,} bytes")
    return io.BytesIO(archive.read(one))


def _unpacked(stream: BinaryIO, source: Source) -> BinaryIO:
    buffered = stream if isinstance(stream, (io.BufferedReader, io.BytesIO)) else io.BufferedReader(stream)  # type: ignore[type-var]  # any readable stream will do
    head = buffered.read(4)
    buffered.seek(0)
    if head[:2] == GZIP:
        most = _unpacked_max(buffered.seek(0, io.SEEK_END))
        buffered.seek(0)
        found = gzip.GzipFile(fileobj=buffered)
        return io.BufferedReader(_Measured(found, most, source.name), BLOCK)  # type: ignore[arg-type]  # reads as a BinaryIO does
    if head == ZSTD:
        return _zstandard(buffered, source)
    return buffered


def _zstandard(stream: BinaryIO, source: Source) -> BinaryIO:
    packed = stream.read()
    most = _unpacked_max(len(packed))
    if unpacked_most(packed, most) > most:
        raise _bomb(source.name)
    return io.BufferedReader(Unpacked(packed, source.name), BLOCK)


def digest(path: Path) -> str:
    """Return what tells one file's bytes from all others'."""
    found = sha256()  # processors have it built in
    with reading(path) as stream:
        while block := stream.read(BLOCK):
            found.update(block)
    return found.hexdigest()[:32]


def encoding_of(head: bytes) -> str:
    """Return the encoding of a text by its first bytes: what its mark says, UTF-16 by its zeros, else UTF-8 or 1252."""
    marks = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
    for mark, name in marks:
        if head.startswith(mark):
            return name
    if head[1:40:2].count(0) > len(head[1:40:2]) // 2:
        return "utf-16-le"
    if head[0:40:2].count(0) > len(head[0:40:2]) // 2:
        return "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def utf8_blocks(stream: BinaryIO, size: int, name: str = "") -> Iterator[bytes]:
    """Give a text as UTF-8 in blocks of whole lines, each ended by a line feed, whatever it was written in."""
    head = stream.read(SNIFFED)
    encoding = encoding_of(head)
    decode = codecs.getincrementaldecoder(encoding)(errors="replace") if encoding != "utf-8" else None
    old_mac = b"\r" in head and b"\n" not in head.replace(b"\n\x00", b"\n")
    if stream.seekable():
        stream.seek(-len(head), io.SEEK_CUR)  # so that the whole block is read at once, and copied never
        kept, block = b"", stream.read(len(head) + size)
    else:
        kept, block = b"", head + stream.read(size)
    while block:
        following = stream.read(size)
        text = block if decode is None else decode.decode(block, not following).encode()
        if old_mac:
            text = text.replace(b"\r", b"\n")
        if not following and not text.endswith(b"\n"):
            text += b"\n"
        end = text.rfind(b"\n") + 1
        if end:
            # The blocks are large: each is copied once.
            yield b"".join((kept, memoryview(text)[:end])) if kept or end < len(text) else text
            kept = text[end:]
        else:
            kept += text
            if len(kept) > LINE_BYTES_MAX:
                raise InvalidInput(f"{name}: a line is longer than {LINE_BYTES_MAX:,} bytes: this is no table")
        block = following


def head_text(source: Source, size: int = SNIFFED) -> str:
    """Return the first characters of a source; one that is no text is refused."""
    with opened(source) as stream:
        head = stream.read(size)
    kind = kind_of(head)
    if kind is not None:
        raise InvalidInput(
            f"{source.name} is no table; it looks like {kind[0]}", advice=kind[1], details={"path": source.name}
        )
    encoding = encoding_of(head)
    return codecs.getincrementaldecoder(encoding)(errors="replace").decode(head)
