"""A whole registry on a chain that starts empty: for notebooks, demos and tests."""

from __future__ import annotations

from collections.abc import Mapping

from registry.chain.addresses import Deployment
from registry.chain.call import Call
from registry.chain.connection import Chain
from registry.chain.dao_plan import found
from registry.chain.deploy import plan
from registry.chain.foundation import DAY, WHOLE, Foundation, GovernorRules
from registry.chain.plan import FACTORY, creation
from registry.chain.sender import Sender
from registry.chain.signers import dev_signer
from registry.types import Address

DEPLOYER = 9
"""Number of the dev account that deploys and holds all roles."""

TREASURY = 8
"""Number of the dev account that receives the fees."""


def play_dollar(sender: Sender, *, contract: str = "LocalDollar", dry_run: bool = False) -> Address:
    """Create the play money called ``USD`` for `sender` if it is not there, and return its address.

    With ``contract="BlockingDollar"`` it is ``USDB``, whose issuer can shut accounts out. With `dry_run` only its
    address is returned.
    """
    dollar, code = creation(contract, sender.address, [])
    if not dry_run and not sender.chain.has_code(dollar):
        # It comes from the same factory as the rest, so that is made first.
        plan(sender.chain, sender.address, treasury=sender.address).ensure_factory(sender)
        sender.send(Call(FACTORY, code))
    return dollar


def deploy_local(chain: Chain) -> Deployment:
    """Deploy everything on a chain for tests, with play money called ``USD``.

    Deterministic: the addresses are the same on each such chain. Run again, it changes nothing.
    """
    signer = dev_signer(DEPLOYER)
    sender = Sender(chain, signer)
    dollar = play_dollar(sender)
    treasury = dev_signer(TREASURY).address
    return plan(chain, signer.address, treasury=treasury, payment_tokens=[dollar]).carry_out(sender)


def found_local(chain: Chain, deployment: Deployment, votes: Mapping[Address, int], *, guardian: Address) -> Deployment:
    """Give a local deployment to a DAO in which each of `votes` holds so many whole tokens, and nobody has delegated.

    A fifth of the tokens is the treasury's. `guardian` may brake and cancel for half a year. A flag costs 50 play
    dollars.
    """
    # Whole days, so that an interrupted founding goes on as the same one.
    today = chain.block().timestamp // DAY * DAY
    foundation = Foundation(
        allocations={account: amount * WHOLE for account, amount in votes.items()},
        treasury=sum(votes.values()) * WHOLE // 4,
        rules=GovernorRules(guardian=guardian, guardian_until=today + 180 * DAY),
        bonds={deployment.tokens["USD"]: 50 * 10**6},
    )
    return found(chain, deployment, foundation).carry_out(Sender(chain, dev_signer(DEPLOYER)))
