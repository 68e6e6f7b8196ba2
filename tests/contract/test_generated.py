"""What is generated is what its source gives: Protobuf module, dictionary, page, golden files."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from vointi_contract import codec, docs, golden
from vointi_contract.wire import SCHEMA_VERSION


@pytest.fixture(scope="session")
def package(root: Path) -> Path:
    return root / "contract" / "vointi_contract"


def test_the_protobuf_module_is_that_of_the_proto_file(package: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", f"--python_out={tmp_path}"]
    command += [f"--pyi_out={tmp_path}", "vointi_contract/frame.proto"]
    subprocess.run(command, cwd=package.parent, check=True)
    for name in ("frame_pb2.py", "frame_pb2.pyi"):
        fresh = (tmp_path / "vointi_contract" / name).read_text()
        assert (package / name).read_text() == fresh, f"{name} is old: run make proto"


def test_the_dictionary_is_what_its_script_trains(root: Path) -> None:
    if zstandard.ZSTD_VERSION != (1, 5, 7):
        pytest.skip("the dictionary was trained with zstd 1.5.7; other versions train another")
    script = runpy.run_path(str(root / "contract" / "tools" / "train_dictionary.py"))
    assert script["train"]() == codec.dictionary()


def test_the_dictionary_is_small() -> None:
    assert len(codec.dictionary()) <= 4096
    assert codec.SCHEMA_VERSION == SCHEMA_VERSION


def test_golden_files_are_what_their_script_writes(root: Path) -> None:
    script = runpy.run_path(str(root / "contract" / "tools" / "make_golden.py"))
    folder = root / "contract" / "vointi_contract" / "golden"
    written = dict(script["files"]())
    present = {f.relative_to(folder).as_posix() for f in folder.glob("v*/**/*") if f.is_file()}
    assert set(written) == present
    for path, content in written.items():
        if path.endswith(".json"):
            assert (folder / path).read_bytes() == content, path


def test_the_page_is_up_to_date(root: Path) -> None:
    page = root / "docs" / "integrators" / "contract.md"
    assert docs.main([str(page), "--check"]) == 0, "run python -m vointi_contract.docs on it"


def test_an_old_page_is_told_and_renewed(root: Path, tmp_path: Path) -> None:
    current = (root / "docs" / "integrators" / "contract.md").read_text()
    page = tmp_path / "contract.md"
    page.write_text(current.replace("| 10 | `heart_rate` |", "| 11 | `heart_rate` |"))
    assert docs.main([str(page), "--check"]) == 1
    assert docs.main([str(page)]) == 0
    assert page.read_text() == current


def test_a_missing_page_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert docs.main([]) == 2
    assert capsys.readouterr().err.startswith("page: missing")


def test_every_table_stands_on_the_page(root: Path) -> None:
    page = (root / "docs" / "integrators" / "contract.md").read_text()
    assert set(re.findall(r"<!-- generated: (\w+) -->", page)) == set(docs.TABLES)


def test_the_page_s_reader_reads(root: Path) -> None:
    page = (root / "docs" / "integrators" / "contract.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    code = code.replace("from frame_pb2", "from vointi_contract.frame_pb2")
    code = code.replace('open("v1.zdict", "rb").read()', "dictionary")
    names: dict[str, object] = {"dictionary": codec.dictionary()}
    exec(code, names)
    for case in golden.cases():
        read = names["samples"](case.payload)  # type: ignore[operator]
        expected = [
            (channel.metric, channel.physical().tolist())
            for frame in case.batch.frames
            for channel in frame.channels
        ]
        assert list(read) == expected
