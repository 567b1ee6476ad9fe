"""Requests that a machine makes up from the OpenAPI document: none is answered by a fault of ours."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import response_schema_conformance

from integration.gateway.support import HEARD, Town, Voice, dev_signer, no_secret_in
from registry import Published
from registry.gated.protocol import Deposit, ReleaseRequest


@pytest.fixture
def api(gateway: Voice, bought: Published) -> Any:
    return schemathesis.openapi.from_url(f"{gateway.url}/openapi.json")


schema = schemathesis.pytest.from_fixture("api")


@schema.parametrize()
@hypothesis.settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_no_request_that_fits_the_document_or_nearly_does_fails_the_server(case: Any) -> None:
    answer = case.call(timeout=60)
    HEARD.answers.append(answer.content)
    no_secret_in(answer.content)
    assert answer.status_code < 500, (case, answer.text)
    assert b"Traceback" not in answer.content
    if answer.status_code != 405:
        case.validate_response(answer, checks=[response_schema_conformance])


def test_made_up_fields_in_a_signed_release_never_fail_the_server(
    town: Town, gateway: Voice, bought: Published
) -> None:
    """What gets past the sign-in, which a machine cannot make up: every field of a signed request by chance."""
    signer = dev_signer(1)
    base = {"did": str(bought.did), "recipient": gateway.about["age_recipient"]}
    dids = st.sampled_from(
        [base["did"], base["did"].rpartition("_")[0] + "_0", base["did"].rpartition("_")[0] + f"_{2**64 - 1}"]
    )
    armor = "-----BEGIN AGE ENCRYPTED FILE-----\n{}\n-----END AGE ENCRYPTED FILE-----\n"
    receipts = st.none() | st.builds(
        lambda licence, uses, nonce, deadline, signature, ref: {
            "did": base["did"],
            "licence": licence,
            "account": signer.address,
            "uses": uses,
            "service": "0x" + "00" * 20,
            "ref": ref,
            "nonce": str(nonce),
            "deadline": deadline,
            "signature": signature.hex(),
        },
        st.integers(0, 255),
        st.integers(1, 2**32 - 1),
        st.integers(0, 10**78 - 1),
        st.integers(0, 2**53 - 1),
        st.binary(max_size=70),
        st.binary(min_size=32, max_size=32).map(bytes.hex),
    )

    @hypothesis.settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(
        did=dids,
        version=st.integers(1, 2**32 - 1),
        licence=st.none() | st.integers(0, 255),
        receipt=receipts,
        recipient=st.just(base["recipient"]) | st.from_regex(r"age1[02-9ac-hj-np-z]{58}", fullmatch=True),
        noise=st.from_regex(r"[A-Za-z0-9+/=\n]{1,200}", fullmatch=True),
    )
    def ask(did: str, version: int, licence: Any, receipt: Any, recipient: str, noise: str) -> None:
        release = ReleaseRequest.model_validate(
            {"did": did, "version": version, "licence": licence, "receipt": receipt, "recipient": recipient}
        )
        deposit = Deposit(did=did, version=version, index=0, threshold=1, sealed=armor.format(noise))
        for path, request, who in (("releases", release, signer), ("shares", deposit, dev_signer(0))):
            answer = gateway.say("POST", f"/v1/{path}", gateway.signed(request, who).to_dict())
            assert answer.status_code < 500, answer.text

    ask()
