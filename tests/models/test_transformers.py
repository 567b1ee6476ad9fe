"""A whole model that was published: what transformers loads of the exported cache, without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from registry import Registry

WORDS = ("[PAD]", "[UNK]", "Gentoo", "weighs", "more")

OFFLINE = """
import json, sys
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer
name, cache = sys.argv[1:]
config, tokenizer, model = (
    one.from_pretrained(name, cache_dir=cache, local_files_only=True) for one in (AutoConfig, AutoTokenizer, AutoModel)
)
with torch.no_grad():
    said = model.eval()(**tokenizer("Gentoo weighs more", return_tensors="pt")).last_hidden_state
print(json.dumps([config.model_type, said.tolist()]))
"""


def test_transformers_loads_the_model_that_was_published(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    torch.manual_seed(7)
    sizes = {"hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1}
    model = BertModel(BertConfig(vocab_size=len(WORDS), **sizes)).eval()
    words = Tokenizer(WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", pad_token="[PAD]")
    for one in (model, tokenizer):
        one.save_pretrained(folder)
    with torch.no_grad():
        wanted = model(**tokenizer("Gentoo weighs more", return_tensors="pt")).last_hidden_state
    author = Registry.local()
    did = author.publish(folder, name="Tiny", type="model", license="MIT").did
    made = author.exports.hf_cache(did, tmp_path / "cache")
    quiet = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, made.repo_id, str(tmp_path / "cache")],
        env={**os.environ, **quiet},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    kind, said = json.loads(done.stdout.splitlines()[-1])
    assert kind == "bert" and torch.equal(torch.tensor(said), wanted)
