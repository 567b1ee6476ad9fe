"""What a host signs of a job that it delivered: an in-toto Statement in a DSSE envelope, checked without any network.

The predicate has the shape of SLSA provenance 1: what was asked for, what it was made from, who made it and when. The
signature is the host's account's, a personal message (EIP-191) over what DSSE has signed. The text is written in one
way, so a receipt that says anything else, or the same otherwise, is none.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from registry.chain.signatures import recover, text_digest
from registry.chain.signers import Signer, sign_text
from registry.compute.job_document import ComputeJob
from registry.did import DID
from registry.documents.canonical import canonical_bytes, parse_json, thaw
from registry.documents.ddo import DDO
from registry.documents.fields import utc_text
from registry.errors import ForgedReceipt, RegistryError
from registry.ipfs.cid import CID
from registry.ipfs.store import NullSink
from registry.ipfs.unixfs import add_tree
from registry.text.html import Shown

__all__ = ["JobOutput", "JobReceipt", "read_receipt", "told_memory"]

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
_MOST: Final = 2**20
_LEAST_MEMORY: Final = 16 * 2**20


@dataclass(frozen=True, slots=True)
class JobOutput:
    """A file that came out: its path, and the CID that its bytes have."""

    path: str
    cid: CID


@dataclass(frozen=True, slots=True)
class JobReceipt(Shown):
    """What the host of a job says: it ran `job` within its terms, in the sandbox's `tier`, for as many started
    `minutes`, within `memory` bytes (see `told_memory`), ended at `finished` (seconds since 1970), and delivered
    `outputs` below `root` in the file `sealed`. `log` is the root of what the program wrote (see `JobLog`)."""

    job: ComputeJob
    outputs: tuple[JobOutput, ...]
    root: CID
    sealed: CID
    tier: int
    minutes: int
    memory: int
    finished: int
    log: CID

    def statement(self) -> dict[str, Any]:
        """The in-toto Statement."""
        job = self.job
        return {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [_named(one.path, one.cid) for one in self.outputs],
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {
                "buildDefinition": {
                    "buildType": "urn:registry:compute:v1",
                    "externalParameters": {"job": job.to_dict()},
                    "internalParameters": {"tier": self.tier, "minutes": self.minutes, "memory": self.memory},
                    "resolvedDependencies": [
                        _named("code", job.code),
                        {**_named("data", job.content), "annotations": {"did": job.data, "version": job.data_version}},
                        _named("terms", job.terms),
                    ],
                },
                "runDetails": {
                    "builder": {"id": f"did:pkh:eip155:{DID.parse(job.offering).chain_id}:{job.host}"},
                    "metadata": {
                        "invocationId": f"urn:registry:job:{job.id}",
                        "finishedOn": utc_text(datetime.fromtimestamp(self.finished, UTC)),
                    },
                    "byproducts": [
                        _named("outputs", self.root),
                        _named("result.age", self.sealed),
                        _named("log", self.log),
                    ],
                },
            },
        }

    def signed_by(self, signer: Signer) -> bytes:
        """The receipt as its host hands it out."""
        payload = canonical_bytes(self.statement())
        signature = sign_text(signer, _signed_bytes(payload))
        return canonical_bytes(
            {
                "payloadType": PAYLOAD_TYPE,
                "payload": base64.b64encode(payload).decode(),
                "signatures": [{"keyid": signer.address, "sig": base64.b64encode(signature).decode()}],
            }
        )

    def check(self, offering: DDO | None = None, folder: Path | None = None) -> None:
        """Hold it against the document of the offering, and against files that were taken from the result.

        Raises `ForgedReceipt` for another document, one that does not let this host run jobs, and for other files.
        """
        if offering is not None:
            if offering.cid != self.job.terms or offering.compute is None:
                raise ForgedReceipt(f"its terms are {self.job.terms}, and this document is {offering.cid}")
            if self.job.host not in offering.compute.hosts:
                raise ForgedReceipt(f"{self.job.host} is none of the hosts that the terms name")
        if folder is not None and (found := add_tree(folder, NullSink(), hidden=True).cid) != self.root:
            raise ForgedReceipt(f"the files are {found}, and the host signed for {self.root}")


def told_memory(most: int) -> int:
    """What a receipt says of the `most` bytes of memory that a run had at the same time: the next power of two, 16 MiB
    at least. A program chooses how much it takes, and to the byte that would carry 30 bits of what it read."""
    return max(1 << max(most - 1, 0).bit_length(), _LEAST_MEMORY)


def read_receipt(data: bytes) -> JobReceipt:
    """A receipt whose every word its host signed. Raises `ForgedReceipt` for any other bytes."""
    if len(data) > _MOST:
        raise ForgedReceipt(f"it has more than {_MOST:,} bytes")
    try:
        envelope = _parsed(data)
        (signature,) = envelope["signatures"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        signed = base64.b64decode(signature["sig"], validate=True)
        found = _read(_parsed(payload))
        same = canonical_bytes(found.statement()) == payload and canonical_bytes(thaw(envelope)) == data
        same = same and (envelope["payloadType"], signature["keyid"]) == (PAYLOAD_TYPE, found.job.host)
        same = same and (len(envelope), len(signature)) == (3, 2)
    except ForgedReceipt:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, binascii.Error) as error:
        raise ForgedReceipt("it is not in the form of a receipt") from error
    except RegistryError as error:
        raise ForgedReceipt(error.message.rstrip(".")) from error
    if not same:
        raise ForgedReceipt("it says more than a receipt does, or the same in another way")
    if recover(text_digest(_signed_bytes(payload)), signed) != found.job.host:
        raise ForgedReceipt(f"the host {found.job.host} did not sign it")
    return found


def _read(said: Any) -> JobReceipt:
    predicate = said["predicate"]
    build, run = predicate["buildDefinition"], predicate["runDetails"]
    finished = datetime.fromisoformat(run["metadata"]["finishedOn"].replace("Z", "+00:00"))
    outputs, sealed, log = run["byproducts"]
    tier, minutes, memory = (_whole(build["internalParameters"], name) for name in ("tier", "minutes", "memory"))
    return JobReceipt(
        job=ComputeJob.made(thaw(build["externalParameters"]["job"])),
        outputs=tuple(JobOutput(one["name"], _cid(one)) for one in said["subject"]),
        root=_cid(outputs),
        sealed=_cid(sealed),
        tier=tier,
        minutes=minutes,
        memory=memory,
        finished=int(finished.timestamp()),
        log=_cid(log),
    )


def _whole(said: Any, name: str) -> int:
    value = said[name]
    if type(value) is not int or not 0 <= value < 2**53:
        raise ForgedReceipt(f"its {name} is no number")
    return int(value)


def _parsed(data: bytes) -> Any:
    value, faults = parse_json(data)
    if faults:
        raise ForgedReceipt(f"it is no JSON: {faults[0]}")
    return value


def _named(name: str, cid: CID) -> dict[str, Any]:
    return {"name": name, "uri": f"ipfs://{cid}", "digest": {"sha256": bytes(cid.digest).hex()}}


def _cid(said: Any) -> CID:
    return CID.parse(str(said["uri"]).removeprefix("ipfs://"))


def _signed_bytes(payload: bytes) -> bytes:
    """What DSSE has signed: the pre-authentication encoding of a payload."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
