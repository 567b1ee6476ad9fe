"""Signing in where there is no notebook: by a link to a page of this machine."""

from __future__ import annotations

import threading
import webbrowser

import httpx
import pytest

from registry import Registry, login
from registry.chain.signers import dev_signer
from registry.errors import SignerError

BUYER = dev_signer(1)


def test_a_link_is_told_and_whoever_connects_there_is_signed_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wallet(url: str) -> bool:
        answer = {"result": [BUYER.address]}
        threading.Thread(target=httpx.post, args=(f"{url}answer",), kwargs={"json": answer}).start()
        return True

    monkeypatch.setattr(webbrowser, "open", wallet)
    me = login(Registry.local())
    assert me.address == BUYER.address
    assert "Open this in the browser that has your wallet: http://127.0.0.1:" in capsys.readouterr().out


def test_who_does_not_come_is_waited_for_no_longer_than_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    with pytest.raises(SignerError, match="Nobody answered"):
        login(Registry.local(), seconds=0.2)
