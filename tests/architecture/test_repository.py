"""What no commit may hold: machines, package indexes and secrets; and what every release must hold."""

import re
import tomllib
from hashlib import sha256
from pathlib import Path

import thetaloom
from tests.architecture.conftest import ROOT

# Names that a reader may need and that no install goes through.
PUBLIC_HOSTS = {
    "www.apache.org",
    "github.com",
    "json-schema.org",
    "www.w3.org",
    "keepachangelog.com",
    "semver.org",
    "127.0.0.1",
    "localhost",
    "testserver",
    "example.com",
    "htmx.org",
    "cdn.cboe.com",  # the default of the source of delayed chains
}
ADDRESS = re.compile(r"\b(?:https?|wss?)://\[?([A-Za-z0-9_.-]+)")
MACHINE_PATH = re.compile(r"(?<![\w.~])/(?:work|root|home/\w+|Users/\w+)/")
SECRETS = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "cloud key": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "model key": re.compile(r"\bsk-[A-Za-z0-9_-]{20,}\b"),
    "hub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{30,}\b"),
    "bot token": re.compile(r"\b\d{8,10}:[A-Za-z0-9_-]{35}\b"),
}


def texts(files: tuple[Path, ...]) -> dict[str, str]:
    readable = {}
    for path in files:
        content = path.read_bytes()
        if b"\0" not in content[:8192] and "vendor" not in path.parts and path.suffix != ".parquet":
            readable[str(path.relative_to(ROOT))] = content.decode()
    return readable


def test_no_file_names_a_host_that_is_not_a_public_page(tracked_files: tuple[Path, ...]) -> None:
    found = {
        f"{name}: {host}"
        for name, text in texts(tracked_files).items()
        for host in ADDRESS.findall(text)
        if host.lower() not in PUBLIC_HOSTS and not host.endswith((".example", ".invalid", ".test"))
    }

    assert not found


def test_the_lock_names_no_host_at_all() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text()


def test_no_file_names_a_path_of_one_machine(tracked_files: tuple[Path, ...]) -> None:
    this = str(Path(__file__).relative_to(ROOT))
    found = [name for name, text in texts(tracked_files).items() if name != this and MACHINE_PATH.search(text)]

    assert not found


def test_no_file_holds_a_secret(tracked_files: tuple[Path, ...]) -> None:
    found = [
        f"{name}: {kind}"
        for name, text in texts(tracked_files).items()
        for kind, pattern in SECRETS.items()
        if pattern.search(text)
    ]

    assert not found


def test_the_version_is_said_once_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert newest is not None
    assert newest.group(1) == project["version"] == thetaloom.__version__


def test_the_licenses_are_shipped() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["license-files"] == ["LICENSE", "NOTICE"]
    assert "Version 2.0, January 2004" in (ROOT / "LICENSE").read_text()
    notice = (ROOT / "NOTICE").read_text()
    for path in re.findall(r"^\s+(src/\S+)$", notice, re.MULTILINE):
        assert (ROOT / path).is_file(), f"NOTICE names {path}"
    for sample in (ROOT / "src" / "thetaloom" / "marketdata").rglob("*.parquet"):
        assert str(sample.relative_to(ROOT)) in notice


def test_what_is_vendored_is_unchanged_and_named_in_the_notice() -> None:
    folder = ROOT / "src" / "thetaloom" / "web" / "static" / "vendor"
    told = dict(re.findall(r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$", (folder / "README.md").read_text(), re.MULTILINE))
    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.name != "README.md"}

    assert told == found != {}
    assert all(f"vendor/{name}" in (ROOT / "NOTICE").read_text() for name in found)
