"""What a consumer and a host of jobs say to each other, version 1: JSON over HTTP, the same models on both sides.

An order is signed by its consumer, so handing it in needs no sign-in. Whoever asks for a job signs in with Ethereum
(EIP-4361); the signed text names the host, the offering and the job, one for reading and another for ending it.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from registry.gated.protocol import AddressText, Auth, Count
from registry.text.html import Shown

__all__ = ["HostAbout", "HostedJob", "JobRequest", "job_resource"]

VERSION: Final = 1

Act = Literal["status", "result", "receipt", "log", "cancel"]
"""What is asked of a job."""


class HostAbout(BaseModel):
    """``GET /v1/host``: who a host is, and which registry's jobs it runs; `bonds` are the amounts that it puts up for a
    job in escrow, one for each token that it takes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Literal[1] = VERSION
    chain_id: Count
    registry: AddressText
    signer: AddressText
    bonds: Annotated[tuple[Annotated[str, Field(max_length=96)], ...], Field(max_length=16)] = ()


class HostedJob(Shown, BaseModel):
    """Where a job is: its state in the words of docs/compute.md, and how many minutes of it were signed for, 0 where
    it is not paid by the minute. Why it ended so is for the owner of the data."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    state: Annotated[str, Field(pattern=r"^[a-z ]{2,32}$")]
    over: bool
    minutes: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0


class JobRequest(BaseModel):
    """``POST /v1/jobs/{id}/{act}``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    auth: Auth | None = None


def job_resource(id: str, act: str) -> str:
    """What the sign-in message must name besides the offering: the job, and whether it may be ended by it."""
    return f"urn:registry:job:{'cancel' if act == 'cancel' else 'read'}:{id}"
