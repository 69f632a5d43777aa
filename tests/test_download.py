"""Fetching the Kaggle files: from a stub, and by the real client from a stand-in on 127.0.0.1."""

import errno
import io
import shutil
import subprocess
import sys
import time
import zipfile
from collections import namedtuple
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from utils import CourseError, download

requests = pytest.importorskip("requests")

FILES = {
    "train.zip": ("train/*.jpg", 3, 1e-6),
    "train_masks.zip": ("train_masks/*.gif", 2, 1e-6),
    "metadata.csv.zip": ("metadata.csv", 1, 1e-6),
}
PHOTO = b"photo" * 300_000  # the client writes chunks of 1 MiB
Usage = namedtuple("Usage", "total used free")


def zipped(members):
    """A zip, stored so that its bytes can be damaged one by one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


KAGGLE = {
    "train.zip": zipped(
        {"train/": b"", "__MACOSX/train/._a_01.jpg": b"?"} | {f"train/a_0{view}.jpg": PHOTO for view in (1, 2, 3)}
    ),
    "train_masks.zip": zipped({f"train_masks/a_0{view}_mask.gif": b"mask" for view in (1, 2)}),
    "metadata.csv.zip": zipped({"metadata.csv": b"id,year\n", "__MACOSX/._metadata.csv": b"?"}),
}
DAMAGED = KAGGLE["train.zip"].replace(b"photo", b"phot0", 1)


@pytest.fixture(autouse=True)
def small_files(monkeypatch):
    monkeypatch.setattr(download, "FILES", FILES)


class Stub:
    """Answers as the official client does: each answer is bytes to write, an exception to raise, or both."""

    def __init__(self, **answers):
        self.answers = {name.replace("_zip", ".zip"): list(answer) for name, answer in answers.items()}
        self.calls = []

    def competition_download_file(self, competition, file_name, path=None, force=False, quiet=False):
        assert competition == "carvana-image-masking-challenge"
        self.calls.append((file_name, force))
        for answer in self.answers.pop(file_name, [KAGGLE[file_name]]):
            if isinstance(answer, Exception):
                raise answer
            Path(path).mkdir(parents=True, exist_ok=True)
            (Path(path) / file_name).write_bytes(answer)
            if answer is DAMAGED:
                self.answers.setdefault(file_name, [KAGGLE[file_name]])


def tree(folder):
    """Every file below the folder, with its content."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def complete():
    return (
        {f"train/a_0{view}.jpg": PHOTO for view in (1, 2, 3)}
        | {f"train_masks/a_0{view}_mask.gif": b"mask" for view in (1, 2)}
        | {"metadata.csv": b"id,year\n"}
    )


def refused(out, client, says, files=("train.zip",)):
    """The error names what happened and the rules' page; nothing that was there has changed."""
    before = tree(out) if out.exists() else None
    with pytest.raises(CourseError, match=says) as raised:
        download.fetch(out, files, client)
    assert "https://www.kaggle.com/c/carvana-image-masking-challenge/rules" in str(raised.value)
    assert (tree(out) if out.exists() else None) == before


def http_error(status):
    response = requests.Response()
    response.status_code = status
    return requests.exceptions.HTTPError(f"{status} Client Error", response=response)


# --- what is fetched, skipped and unpacked


def test_fetches_unpacks_and_then_has_nothing_to_do(tmp_path, capsys):
    out, client = tmp_path / "data" / "carvana", Stub()
    assert download.fetch(out, FILES, client) == out
    assert tree(out) == complete()
    assert client.calls == [("train.zip", False), ("train_masks.zip", False), ("metadata.csv.zip", False)]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[0] == f"train.zip: downloading ... 3 file(s) in {out / 'train'}"
    download.fetch(out, FILES, client)
    assert len(client.calls) == 3 and tree(out) == complete()
    assert capsys.readouterr().out.endswith(f"1 file(s) already in {out / 'metadata.csv'}\n")


def test_only_what_is_missing(tmp_path):
    (tmp_path / "metadata.csv").write_text("mine")
    client = Stub()
    download.fetch(tmp_path, FILES, client)
    assert [name for name, _ in client.calls] == ["train.zip", "train_masks.zip"]
    assert tree(tmp_path) == complete() | {"metadata.csv": b"mine"}


def test_a_zip_from_the_browser_needs_no_account(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_connect", lambda: pytest.fail("asked Kaggle"))
    for name, content in KAGGLE.items():
        (tmp_path / name).write_bytes(content)
    download.fetch(tmp_path, FILES)
    assert tree(tmp_path) == complete()


def test_a_zip_without_its_folder_lands_in_the_same_place(tmp_path):
    flat = zipped({f"a_0{view}_mask.gif": b"mask" for view in (1, 2)})
    download.fetch(tmp_path, ["train_masks.zip"], Stub(train_masks_zip=[flat]))
    assert sorted(tree(tmp_path)) == ["train_masks/a_01_mask.gif", "train_masks/a_02_mask.gif"]


def test_nothing_is_unpacked_outside_the_folder(tmp_path):
    evil = zipped({"../../a_01_mask.gif": b"mask", "/tmp/a_02_mask.gif": b"mask"})
    out = tmp_path / "deep" / "carvana"
    download.fetch(out, ["train_masks.zip"], Stub(train_masks_zip=[evil]))
    assert sorted(tree(tmp_path)) == [f"deep/carvana/train_masks/a_0{view}_mask.gif" for view in (1, 2)]


def test_a_damaged_zip_is_downloaded_once_more(tmp_path):
    client = Stub(train_zip=[DAMAGED])
    download.fetch(tmp_path, ["train.zip"], client)
    assert client.calls == [("train.zip", False), ("train.zip", True)]
    assert tree(tmp_path)["train/a_01.jpg"] == PHOTO


@pytest.mark.parametrize(
    "content, says",
    [
        (DAMAGED, "Bad CRC-32 for file 'train/a_01.jpg'"),
        (KAGGLE["train.zip"][:-4] + b"\xff\xff\0\0", "damaged"),
        (b"<html>log in first</html>", "not a zip file"),
        (zipped({"train/a_01.jpg": b""}), "holds 1 files like train/.*, not 3"),
    ],
)
def test_a_zip_damaged_twice_is_explained(tmp_path, content, says):
    class Broken(Stub):
        def competition_download_file(self, competition, file_name, path=None, **settings):
            (Path(path) / file_name).write_bytes(content)

    with pytest.raises(CourseError, match=f"is damaged, and so it was when downloaded again.*{says}|{says}"):
        download.fetch(tmp_path, ["train.zip"], Broken())
    assert list(tree(tmp_path)) == ["train.zip"]


def test_an_interrupted_unpacking_starts_over(tmp_path, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download.shutil, "copyfileobj", interrupted)
        with pytest.raises(KeyboardInterrupt):
            download.fetch(tmp_path, ["train.zip"], Stub())
    assert capsys.readouterr().out == "train.zip: downloading ... stopped\n"
    assert tree(tmp_path) == {"train.zip": KAGGLE["train.zip"]}
    (tmp_path / "train.zip.part").mkdir()  # as a killed process leaves it
    (tmp_path / "train.zip.part" / "a_09.jpg").write_bytes(b"half")
    client = Stub()
    download.fetch(tmp_path, ["train.zip"], client)
    assert not client.calls and sorted(tree(tmp_path)) == [f"train/a_0{view}.jpg" for view in (1, 2, 3)]


# --- what goes wrong


@pytest.mark.parametrize(
    "error, says",
    [
        (http_error(401), r"does not accept your credentials.*\(401\).*settings/api"),
        (http_error(403), r"\(403\).*rules have not been accepted"),
        (http_error(404), "answered 404 for train.zip"),
        (http_error(503), "answered 503 for train.zip"),
        (requests.exceptions.ConnectionError("no route"), "connection to Kaggle failed.*no route.*Check"),
        (requests.exceptions.ReadTimeout("too slow"), "connection to Kaggle failed"),
        (requests.exceptions.ChunkedEncodingError("cut"), "connection to Kaggle failed.*goes on from there"),
        (ValueError("Downloaded file size (1) does not match expected size (2)"), "connection to Kaggle failed"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk is full.*Make room"),
        (PermissionError(errno.EACCES, "Permission denied", "/data/train.zip"), "Cannot use /data/train.zip"),
    ],
)
def test_a_failing_download_is_explained(tmp_path, error, says):
    refused(tmp_path / "new", Stub(train_zip=[error]), says)
    (tmp_path / "train.zip").write_bytes(KAGGLE["train.zip"][:500])
    (tmp_path / "train_masks").mkdir()
    (tmp_path / "train_masks" / "mine.gif").write_bytes(b"mine")
    refused(tmp_path, Stub(train_zip=[error]), says)


def test_an_interrupted_download_is_kept_and_taken_up(tmp_path):
    half = KAGGLE["train.zip"][:20_000]
    with pytest.raises(CourseError, match="what has arrived is kept"):
        download.fetch(tmp_path, ["train.zip"], Stub(train_zip=[half, requests.exceptions.ConnectionError()]))
    assert tree(tmp_path) == {"train.zip": half}
    client = Stub()
    download.fetch(tmp_path, ["train.zip"], client)
    assert client.calls == [("train.zip", False)]  # force would throw the first half away


def test_no_room_for_the_download(tmp_path, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: Usage(10, 10, 10))
    client = Stub()
    refused(tmp_path / "new" / "folder", client, "No room.*needs about.*Make room")
    assert not client.calls


def test_no_room_to_unpack(tmp_path, monkeypatch):
    (tmp_path / "train.zip").write_bytes(KAGGLE["train.zip"])
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: Usage(10, 10, 70_000))
    refused(tmp_path, Stub(), "No room")


def test_a_disk_that_fills_up_while_unpacking(tmp_path, monkeypatch):
    (tmp_path / "train.zip").write_bytes(KAGGLE["train.zip"])

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download.shutil, "copyfileobj", full)
    refused(tmp_path, Stub(), "disk is full")


def test_a_disk_that_really_fills_up_while_unpacking(small_disk, boundless):
    """4.5 MB of photos in a zip of some kilobytes."""
    with zipfile.ZipFile(small_disk / "train.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for view in 1, 2, 3:
            archive.writestr(f"train/a_0{view}.jpg", PHOTO)
    refused(small_disk, Stub(), "disk is full before train.zip is complete. Make room and run this again")


@pytest.mark.slow
def test_progress_is_shown_on_a_terminal_alone(tmp_path, monkeypatch, capsys):
    quiet = []

    class Telling(Stub):
        def competition_download_file(self, *arguments, **settings):
            quiet.append(settings["quiet"])
            super().competition_download_file(*arguments, **settings)

    def slowly(*arguments, copy=shutil.copyfileobj):
        time.sleep(0.6)
        copy(*arguments)

    monkeypatch.setattr(download.shutil, "copyfileobj", slowly)
    download.fetch(tmp_path / "a", ["train.zip"], Telling())
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    download.fetch(tmp_path / "b", ["train.zip"], Telling())
    assert quiet == [True, False]
    assert "unpacking train.zip:  67%" in capsys.readouterr().err


def test_a_half_filled_folder_is_left_alone(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a_01.jpg").write_bytes(b"photo")
    client = Stub()
    refused(tmp_path, client, "holds 1 of the 3 files.*Move it away", FILES)
    assert not client.calls
    (tmp_path / "train" / "a_01.jpg").unlink()
    download.fetch(tmp_path, ["train.zip"], client)


def test_an_unknown_file_is_explained(tmp_path):
    refused(tmp_path, Stub(), "no file 'trian.zip'. It knows train.zip", ["trian.zip"])


def test_a_machine_without_the_kaggle_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kaggle.api.kaggle_api_extended", None)
    refused(tmp_path, None, "kaggle package is not installed.*pip install kaggle")


def test_kaggle_is_imported_only_when_it_is_needed():
    code = "import sys, utils.download; sys.exit(bool({'kaggle', 'requests', 'numpy'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


# --- the real client against a stand-in


class StandIn(BaseHTTPRequestHandler):
    """Kaggle's two steps: a request with credentials is sent on to a storage that knows ranges and ETags."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.status != 200:
            return self.answer(
                self.server.status,
                b'{"code": %d, "message": "no"}' % self.server.status,
                {"Content-Type": "application/json"},
            )
        self.answer(302, b"", {"Location": "/storage/train.zip?signature=1"})

    def do_GET(self):
        content, first = self.server.content, 0
        self.server.ranges.append(self.headers["Range"])
        if self.headers["Range"] and self.headers["If-Range"] in (None, '"v1"'):
            first = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        self.answer(
            206 if first else 200,
            content[first : self.server.cut],
            {
                "ETag": '"v1"',
                "Accept-Ranges": "bytes",
                "Last-Modified": "Mon, 24 Jul 2017 20:00:00 GMT",
                "Content-Type": "application/zip",
                "Content-Length": str(len(content) - first),
            },
        )

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def kaggle(tmp_path, monkeypatch):
    """A stand-in on 127.0.0.1 that the real client takes for Kaggle, with a user name and a key."""
    for name in "KAGGLE_API_TOKEN", "KAGGLE_KERNEL_RUN_TYPE":
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("KAGGLE_USERNAME", "learner")
    monkeypatch.setenv("KAGGLE_KEY", "secret")
    kaggle_api_extended = pytest.importorskip("kaggle.api.kaggle_api_extended")
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    server.content, server.cut, server.status, server.ranges = KAGGLE["train.zip"], None, 200, []
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr("kagglesdk.kaggle_http_client.get_endpoint", lambda env: address)
    monkeypatch.setattr(kaggle_api_extended.KaggleApi, "config", str(tmp_path / "home" / "kaggle.json"))
    monkeypatch.setattr(kaggle_api_extended.time, "sleep", lambda seconds: None)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_the_real_client_downloads(kaggle, tmp_path, capsys):
    download.fetch(tmp_path / "out", ["train.zip"])
    assert sorted(tree(tmp_path / "out")) == [f"train/a_0{view}.jpg" for view in (1, 2, 3)]
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_the_real_client_resumes(kaggle, tmp_path):
    kaggle.cut = 2_500_000
    with pytest.raises(CourseError, match="what has arrived is kept"):
        download.fetch(tmp_path / "out", ["train.zip"])
    assert (tmp_path / "out" / "train.zip").read_bytes() == kaggle.content[: 2 << 20]
    kaggle.cut, kaggle.ranges = None, []
    download.fetch(tmp_path / "out", ["train.zip"])
    assert kaggle.ranges[-1] == f"bytes={2 << 20}-"
    assert sorted(tree(tmp_path / "out")) == [f"train/a_0{view}.jpg" for view in (1, 2, 3)]


def test_the_real_client_replaces_a_damaged_zip(kaggle, tmp_path):
    (tmp_path / "train.zip").write_bytes(DAMAGED)
    download.fetch(tmp_path, ["train.zip"])
    assert tree(tmp_path / "train")["a_01.jpg"] == PHOTO


@pytest.mark.parametrize(
    "status, says",
    [
        (401, r"does not accept your credentials.*\(401\)"),
        (403, "rules have not been accepted"),
        (500, "answered 500"),
    ],
)
def test_the_real_client_is_refused(kaggle, tmp_path, status, says):
    kaggle.status = status
    refused(tmp_path / "out", None, says)


def test_the_real_client_without_a_network(kaggle, tmp_path, monkeypatch):
    monkeypatch.setattr("kagglesdk.kaggle_http_client.get_endpoint", lambda env: "http://127.0.0.1:9")
    refused(tmp_path / "out", None, "connection to Kaggle failed at train.zip.*Check the network")
    monkeypatch.setenv("KAGGLE_API_TOKEN", "a token is looked up on the network")
    refused(tmp_path / "out", None, "connection to Kaggle failed at the login")


def test_the_real_client_without_credentials(kaggle, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("KAGGLE_USERNAME")
    monkeypatch.delenv("KAGGLE_KEY")
    refused(tmp_path / "out", None, "No Kaggle credentials found.*settings/api")
    assert capsys.readouterr().out == "train.zip: stopped\n"
    monkeypatch.setenv("KAGGLE_API_TOKEN", "expired")
    kaggle.status = 403
    refused(tmp_path / "out", None, "does not accept the credentials in KAGGLE_API_TOKEN")
