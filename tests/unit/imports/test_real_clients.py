"""The clients that everybody has, against the same stand-in: what they get is what we get."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from imports.hub import Hub
from registry.imports.bringing import Imported
from registry.ipfs.unixfs import compute_cid

CLIENT = """
import json, sys
from datasets import load_dataset
from huggingface_hub import HfApi, snapshot_download
folder = snapshot_download("acme/penguins", repo_type="dataset", revision=sys.argv[1], local_dir=sys.argv[2])
info = HfApi().dataset_info("acme/penguins", files_metadata=True)
hashes = {one.rfilename: one.lfs.sha256 if one.lfs else one.blob_id for one in info.siblings}
rows = load_dataset("acme/penguins", data_files="data/*.csv", split="train")
print(json.dumps([info.sha, hashes, len(rows)]))
"""


def test_the_hubs_own_clients_load_what_we_import(
    take: Callable[..., Imported], hub: Hub, penguins: str, tmp_path: Path
) -> None:
    got = take("hf:datasets/acme/penguins")
    quiet = {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, penguins, str(tmp_path / "theirs")],
        env={**os.environ, **quiet, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "theirs-home")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    sha, hashes, rows = json.loads(done.stdout.splitlines()[-1])
    assert sha == got.origin.revision == penguins and rows == 344
    assert set(hashes) == {".gitattributes", "README.md", "data/penguins.csv", "data/measured.bin"}
    assert got.added is not None and compute_cid(tmp_path / "theirs") == got.added.cid
