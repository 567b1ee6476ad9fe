"""Whom verbs ask: the hubs that one names, or the index of this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from registry.errors import HubUnavailable, InputError
from registry.session import Session
from registry.text.warned import warn_caller

# Every client has verbs that ask and few programs use one: indexes and hubs are loaded by the verb in need.
if TYPE_CHECKING:
    from registry.index.home_index import LocalIndex
    from registry.index.index_reader import IndexReader

__all__ = ["HUB_VARIABLE", "Hubs", "asked", "index_of", "named", "opened_hub", "pass_over"]

HUB_VARIABLE: Final = "REGISTRY_HUB"
"""Hubs to ask, with commas between them."""

Hubs = str | Sequence[str] | None

T = TypeVar("T")


def asked(session: Session, hub: Hubs, ask: Callable[[IndexReader], T]) -> list[T]:
    """What each hub answers; without any, what the index of this process does. A hub that does not answer is passed
    over if another one does.

    Raises `HubUnavailable`, and `InputError` for a hub of another registry.
    """
    urls = named(hub)
    if not urls:
        return [ask(index_of(session).catalogue)]
    told: list[T] = []
    silent: list[HubUnavailable] = []
    for url in urls:
        try:
            with opened_hub(session, url) as answers:
                told.append(ask(answers))
        except HubUnavailable as error:
            silent.append(error)
    pass_over(silent, len(urls))
    return told


def named(hub: Hubs) -> list[str]:
    """The hubs to ask, each once: those that are named, or else those of the environment."""
    listed = [hub] if isinstance(hub, str) else hub
    if listed is None:
        listed = [one.strip() for one in os.environ.get(HUB_VARIABLE, "").split(",") if one.strip()]
    return list(dict.fromkeys(one.rstrip("/") for one in listed))


@contextmanager
def opened_hub(session: Session, url: str) -> Iterator[IndexReader]:
    """A hub, once it has said that it is of the registry of a session. Raises `HubUnavailable` and `InputError`."""
    from registry.index.remote import RemoteHub

    with closing(RemoteHub(url)) as remote:
        facts = remote.facts()
        if (facts.chain_id, facts.registry) != (session.chain.chain_id, session.deployment.registry.lower()):
            raise InputError(
                f"The hub {url} is of registry {facts.registry} on chain {facts.chain_id}.",
                hint="Name a hub of the registry that you use.",
            )
        yield remote


def index_of(session: Session) -> LocalIndex:
    """The index of this process, brought up to date; warns if there was no time to read all that it lists."""
    from registry.index.home_index import open_local

    index = open_local(session)
    index.catch_up()
    if index.catalogue.library.is_behind():
        warn_caller("Not all documents and items were read yet, so some may be missing here: asking again reads on.")
    return index


def pass_over(silent: Sequence[HubUnavailable], asked: int) -> None:
    """Say which of so many hubs did not answer. Raises `HubUnavailable` if none did."""
    if len(silent) == asked:
        raise silent[0]
    for one in silent:
        warn_caller(one.message)
