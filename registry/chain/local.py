"""A whole registry on a chain that starts empty: for notebooks, demos and tests."""

from __future__ import annotations

from registry.chain.connection import Chain
from registry.chain.deploy import FACTORY as _FACTORY
from registry.chain.deploy import Deployment, creation, plan
from registry.chain.sender import Call, Sender
from registry.chain.signers import dev_signer

DEPLOYER = 9
"""Number of the dev account that deploys and holds all roles."""

TREASURY = 8
"""Number of the dev account that receives the fees."""


def deploy_local(chain: Chain) -> Deployment:
    """Deploy everything on a chain for tests, with play money called ``USD``.

    Deterministic: the addresses are the same on each such chain. Run again, it changes nothing.
    """
    signer = dev_signer(DEPLOYER)
    sender = Sender(chain, signer)
    dollar, code = creation("LocalDollar", signer.address, [])
    treasury = dev_signer(TREASURY).address
    if not chain.has_code(dollar):
        # The dollar comes from the same factory, so that is made first.
        plan(chain, signer.address, treasury=treasury).ensure_factory(sender)
        sender.send(Call(_FACTORY, code))
    return plan(chain, signer.address, treasury=treasury, payment_tokens=[dollar]).carry_out(sender)
