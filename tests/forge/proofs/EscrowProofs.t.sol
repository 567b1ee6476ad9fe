// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ComputeEscrow} from "../../../contracts/compute/ComputeEscrow.sol";
import {IAssetRegistry} from "../../../contracts/interfaces/IAssetRegistry.sol";
import {HostOffer, Job, JobOrder} from "../../../contracts/interfaces/IComputeEscrow.sol";
import {Issue, Licence, LicenceKind, Offer} from "../../../contracts/interfaces/ILicences.sol";

/// @dev The few cheat codes that are used; forge and halmos know them at this address.
interface Vm {
    function prank(address sender) external;
    function warp(uint256 timestamp) external;
}

Vm constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

address constant CONSUMER = address(0x1000);
address constant PAYOUT = address(0x1001);
address constant ANCESTORS = address(0x1002);
address constant TREASURY = address(0x1003);

/// @dev What is agreed to of a job.
struct Deal {
    uint96 price;
    uint32 amount;
    uint24 minimum;
    uint32 runTime;
    uint96 bond;
    uint16 feeBps;
    uint16 royaltyBps;
}

/// @title OpenPurse: a token of which nobody runs out, so that whatever is paid too much is paid, and seen.
contract OpenPurse {
    /// @notice What each has, modulo 2**256.
    mapping(address account => uint256) public balanceOf;

    /// @notice Pay.
    function transfer(address to, uint256 amount) external returns (bool) {
        return transferFrom(msg.sender, to, amount);
    }

    /// @notice Have somebody pay.
    function transferFrom(address from, address to, uint256 amount) public returns (bool) {
        unchecked {
            balanceOf[from] -= amount;
            balanceOf[to] += amount;
        }
        return true;
    }
}

/// @title AnyRegistry: sells runs at whatever price, fee and royalty it is told.
contract AnyRegistry {
    OpenPurse private immutable _token;
    Deal private _deal;

    constructor(OpenPurse token) {
        _token = token;
    }

    /// @notice Say at which.
    function tell(Deal calldata deal) external {
        _deal = deal;
    }

    /// @notice A licence for runs.
    function licenceOf(uint256, uint256) external view returns (Licence memory) {
        return Licence(_deal.price, _deal.amount, 0, 0, 0, 0, LicenceKind.Stream, true, _deal.minimum);
    }

    /// @notice The sale of one.
    function sell(Issue calldata) external view returns (Offer memory) {
        return
            Offer(address(_token), _deal.price, PAYOUT, _deal.royaltyBps, ANCESTORS, _deal.feeBps, TREASURY);
    }
}

/// @title EscrowProofs: of each job exactly what was put up for it is divided, however it ends.
/// @dev Proven by halmos (`make prove`), fuzzed by forge. This contract is the host, and lets anybody else judge. That an
/// ending goes through is said by the lemmas: less time never costs more, no part is more than the whole.
contract EscrowProofs is IERC1271 {
    uint256 private constant START = 1_800_000_000;
    uint32 private constant GRACE = 300;
    uint32 private constant REVIEW = 1 days;

    OpenPurse private immutable _token = new OpenPurse();
    AnyRegistry private immutable _registry = new AnyRegistry(_token);
    ComputeEscrow private immutable _escrow =
        new ComputeEscrow(address(this), IAssetRegistry(address(_registry)));

    /// @notice The host signs whatever it is asked for.
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return IERC1271.isValidSignature.selector;
    }

    /// @notice Whoever is asked for may judge.
    function canCall(address, address, bytes4) external pure returns (bool, uint32) {
        return (true, 0);
    }

    /// @notice Of a job that was not begun all comes back, whoever ends it.
    /// forge-config: default.fuzz.runs = 64
    function testProve_whatWasNotBegunComesBack(Deal memory deal, uint96 others, uint8 ending) external {
        (Job memory job,) = _opened(deal, others);
        if (ending % 3 == 0) {
            VM.prank(CONSUMER);
            _escrow.cancel(job);
        } else if (ending % 3 == 1) {
            _escrow.giveUp(job);
        } else {
            VM.warp(START + 1);
            _escrow.expire(job);
        }
        _assertDivided(others, 0, 0);
    }

    /// @notice Of one that was begun and not delivered, its time is paid to whoever sells it if the consumer ends it; else
    /// all comes back. The bond is the host's unless it is late, and the consumer's then.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_whatWasNotDeliveredIsDivided(
        Deal memory deal,
        uint96 others,
        uint32 passed,
        uint8 ending
    ) external {
        (Job memory job, uint256 total) = _opened(deal, others);
        _escrow.accept(job);
        uint256 longest = uint256(job.offer.runTime) + GRACE;
        VM.warp(START + (ending % 3 == 2 ? longest + 1 + passed : passed % (longest + 1)));
        if (ending % 3 == 0) {
            VM.prank(CONSUMER);
            _escrow.cancel(job);
            _assertDivided(others, total, 0);
        } else if (ending % 3 == 1) {
            _escrow.giveUp(job);
            _assertDivided(others, 0, 0);
        } else {
            _escrow.expire(job);
            _assertDivided(others, 0, -int256(uint256(job.offer.bond)));
        }
    }

    /// @notice Of one that was delivered the sellers get a part of the price, and each party has its own bond back.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_whatWasDeliveredIsDivided(
        Deal memory deal,
        uint96 others,
        uint32 passed,
        uint32 used,
        uint8 ending
    ) external {
        (Job memory job, uint256 total) = _opened(deal, others);
        uint256 delivered = _deliver(job, passed, used);
        if (ending % 3 == 0) {
            VM.prank(CONSUMER);
            _escrow.settle(job);
        } else if (ending % 3 == 1) {
            VM.warp(delivered + REVIEW + 1);
            _escrow.settle(job);
        } else {
            VM.prank(CONSUMER);
            _escrow.dispute(job, "reason");
            VM.warp(delivered + 90 days + 1);
            _escrow.lapse(job);
        }
        _assertDivided(others, total, 0);
    }

    /// @notice Whatever is decided of one that is disputed, the two divide what they put up, and lose no more than that.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_whatIsDecidedIsDivided(
        Deal memory deal,
        uint96 others,
        uint32 passed,
        uint32 used,
        uint16 payBps
    ) external {
        (Job memory job, uint256 total) = _opened(deal, others);
        _deliver(job, passed, used);
        VM.prank(CONSUMER);
        _escrow.dispute(job, "reason");
        payBps = payBps % 10_001;
        VM.prank(TREASURY);
        _escrow.decide(job, payBps, "reason");
        uint256 bond = job.offer.bond;
        // That a part is not more than the whole is proven of all parts (`ShareLemmas`).
        uint256 toHost = 2 * bond * payBps / 10_000;
        if (toHost > 2 * bond) return;
        _assertDivided(others, total, int256(toHost) - int256(bond));
    }

    /* INTERNAL */

    /// @dev A job on any terms that a registry can have, beside what is held for `others`.
    function _opened(Deal memory deal, uint96 others) private returns (Job memory job, uint256 total) {
        VM.warp(START);
        deal.runTime = uint32(deal.runTime % (30 days) + 1);
        deal.minimum = uint24(deal.minimum % (uint256(deal.runTime) + 1));
        (deal.feeBps, deal.royaltyBps) = (deal.feeBps % 501, deal.royaltyBps % 3001);
        if (deal.amount == 0) deal.amount = 1;
        if (deal.bond == 0) deal.bond = 1;
        _registry.tell(deal);
        _token.transfer(address(_escrow), others);
        HostOffer memory offer = HostOffer({
            assetId: 1,
            licence: 0,
            host: address(this),
            consumer: CONSUMER,
            job: "job",
            bond: deal.bond,
            runTime: deal.runTime,
            graceTime: GRACE,
            reviewTime: REVIEW,
            acceptBy: uint48(START)
        });
        VM.prank(CONSUMER);
        _escrow.open(JobOrder(offer, "", "digest", type(uint256).max));
        total = _token.balanceOf(address(_escrow)) - others;
        job = Job({
            offer: offer,
            token: address(_token),
            price: deal.price,
            amount: deal.amount,
            minimum: deal.minimum,
            feeBps: deal.feeBps,
            royaltyBps: deal.royaltyBps,
            treasury: TREASURY,
            royaltyTo: ANCESTORS,
            payout: PAYOUT
        });
    }

    function _deliver(Job memory job, uint32 passed, uint32 used) private returns (uint256 time) {
        _escrow.accept(job);
        time = START + passed % (uint256(job.offer.runTime) + GRACE + 1);
        VM.warp(time);
        _escrow.deliver(job, "result", used);
    }

    /// @dev Nothing of it is left, nothing of the others' is gone: the sellers have `most` at most, the host what it won,
    /// the consumer the rest.
    function _assertDivided(uint256 others, uint256 most, int256 won) private view {
        unchecked {
            uint256 sold = _token.balanceOf(TREASURY) + _token.balanceOf(ANCESTORS) + _token.balanceOf(PAYOUT);
            assert(_token.balanceOf(address(_escrow)) == others);
            assert(sold <= most);
            assert(int256(_token.balanceOf(address(this)) + others) == won);
            assert(int256(_token.balanceOf(CONSUMER)) == -won - int256(sold));
        }
    }
}
