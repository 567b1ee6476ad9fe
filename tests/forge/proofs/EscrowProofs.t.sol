// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ComputeEscrow} from "../../../contracts/compute/ComputeEscrow.sol";
import {IAssetRegistry, PaymentToken} from "../../../contracts/interfaces/IAssetRegistry.sol";
import {HostOffer, Job, JobOrder} from "../../../contracts/interfaces/IComputeEscrow.sol";
import {Issue, Licence, LicenceKind, Offer} from "../../../contracts/interfaces/ILicences.sol";
import {Parts} from "../../../contracts/interfaces/IStreams.sol";
import {StreamLib} from "../../../contracts/libraries/StreamLib.sol";

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

    /// @notice What is paid with.
    function paymentTokens() external view returns (PaymentToken[] memory tokens) {
        tokens = new PaymentToken[](1);
        tokens[0] = PaymentToken(address(_token), true);
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
    /// forge-config: default.fuzz.runs = 32
    function testProve_whatWasNotBegunComesBack(Deal memory deal, uint96 others, uint8 ending) external {
        Job memory job = _opened(deal, others);
        if (ending % 3 == 0) {
            VM.prank(CONSUMER);
            _escrow.cancel(job);
        } else if (ending % 3 == 1) {
            _escrow.giveUp(job);
        } else {
            VM.warp(START + 1);
            _escrow.expire(job);
        }
        _assertDivided(job, others, 0, 0);
    }

    /// @notice Of one that its host gives up all comes back to its consumer, and the bond to the host.
    /// forge-config: default.fuzz.runs = 32
    function testProve_whatIsGivenUpComesBack(Deal memory deal, uint96 others, uint32 passed) external {
        Job memory job = _begun(deal, others);
        _pass(job, passed);
        _escrow.giveUp(job);
        _assertDivided(job, others, 0, 0);
    }

    /// @notice Of one that is late all comes back to its consumer, and the bond with it.
    /// forge-config: default.fuzz.runs = 32
    function testProve_whatIsLateComesBackWithTheBond(Deal memory deal, uint96 others, uint32 passed)
        external
    {
        Job memory job = _begun(deal, others);
        VM.warp(START + job.offer.runTime + GRACE + 1 + passed);
        _escrow.expire(job);
        _assertDivided(job, others, 0, -int256(uint256(job.offer.bond)));
    }

    /// @notice Of one that its consumer ends the time that passed is paid, no more than it may take and no less than the
    /// minimum. The bond is the host's.
    /// forge-config: default.fuzz.runs = 32
    function testFuzz_whatIsCancelledIsPaidByItsTime(Deal memory deal, uint96 others, uint32 passed)
        external
    {
        Job memory job = _begun(deal, others);
        uint256 ran = _pass(job, passed);
        VM.prank(CONSUMER);
        _escrow.cancel(job);
        _assertDivided(job, others, _quoted(ran), 0);
    }

    /// @notice Of one that was delivered the time is paid that the host says, no more than passed, if the consumer takes it.
    /// forge-config: default.fuzz.runs = 32
    function testFuzz_whatIsTakenIsPaidByItsTime(Deal memory deal, uint96 others, uint32 passed, uint32 used)
        external
    {
        (Job memory job, uint256 price) = _delivered(deal, others, passed, used);
        VM.prank(CONSUMER);
        _escrow.settle(job);
        _assertDivided(job, others, price, 0);
    }

    /// @notice So it is if the consumer says nothing.
    /// forge-config: default.fuzz.runs = 32
    function testFuzz_whatIsNotDisputedIsPaidByItsTime(
        Deal memory deal,
        uint96 others,
        uint32 passed,
        uint32 used,
        uint32 later
    ) external {
        (Job memory job, uint256 price) = _delivered(deal, others, passed, used);
        VM.warp(START + 60 days + REVIEW + later);
        _escrow.settle(job);
        _assertDivided(job, others, price, 0);
    }

    /// @notice So it is if nobody decides what is disputed, and each party has its own bond back.
    /// forge-config: default.fuzz.runs = 32
    function testFuzz_whatIsNotDecidedIsPaidByItsTime(
        Deal memory deal,
        uint96 others,
        uint32 passed,
        uint32 used,
        uint32 later
    ) external {
        (Job memory job, uint256 price) = _disputed(deal, others, passed, used);
        VM.warp(START + 60 days + 90 days + later);
        _escrow.lapse(job);
        _assertDivided(job, others, price, 0);
    }

    /// @notice Of one that is decided the same share of the price and of both bonds is paid, and the rest comes back.
    /// forge-config: default.fuzz.runs = 32
    function testFuzz_whatIsDecidedIsDividedByItsShare(
        Deal memory deal,
        uint96 others,
        uint32 passed,
        uint32 used,
        uint16 payBps
    ) external {
        (Job memory job, uint256 price) = _disputed(deal, others, passed, used);
        payBps = payBps % 10_001;
        VM.prank(TREASURY);
        _escrow.decide(job, payBps, "reason");
        unchecked {
            uint256 bond = job.offer.bond;
            int256 won = int256(2 * bond * payBps / 10_000) - int256(bond);
            _assertDivided(job, others, price * payBps / 10_000, won);
        }
    }

    /* FALSE, so that a prover which believes anything is noticed: of one deal, so that it finds the example at once. */

    function refute_theBondAlwaysComesBack(uint32 passed) external {
        Job memory job = _begun(_oneADay(), 0);
        VM.warp(START + 1 days + GRACE + 1 + passed);
        _escrow.expire(job);
        _assertDivided(job, 0, 0, 0);
    }

    function refute_whatIsDeliveredCostsAllThatWasPaidIn(uint32 passed, uint32 used) external {
        (Job memory job,) = _delivered(_oneADay(), 0, passed, used);
        VM.prank(CONSUMER);
        _escrow.settle(job);
        _assertDivided(job, 0, 1 days, 0);
    }

    /* INTERNAL */

    /// @dev A job on any terms that a registry can have, beside what is held for `others`.
    function _opened(Deal memory deal, uint96 others) private returns (Job memory job) {
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

    /// @dev A unit for each second of a day at most, without fee and royalty.
    function _oneADay() private pure returns (Deal memory) {
        return Deal({price: 1, amount: 1, minimum: 0, runTime: 1 days - 1, bond: 1, feeBps: 0, royaltyBps: 0});
    }

    function _begun(Deal memory deal, uint96 others) private returns (Job memory job) {
        job = _opened(deal, others);
        _escrow.accept(job);
    }

    /// @dev Some time within which it is delivered, and how much of it the job ran.
    function _pass(Job memory job, uint32 passed) private returns (uint256 ran) {
        uint256 time = passed % (uint256(job.offer.runTime) + GRACE + 1);
        VM.warp(START + time);
        return time < job.offer.runTime ? time : job.offer.runTime;
    }

    function _delivered(Deal memory deal, uint96 others, uint32 passed, uint32 used)
        private
        returns (Job memory job, uint256 price)
    {
        job = _begun(deal, others);
        uint256 ran = _pass(job, passed);
        _escrow.deliver(job, "result", used);
        price = _quoted(used < ran ? used : ran);
    }

    function _disputed(Deal memory deal, uint96 others, uint32 passed, uint32 used)
        private
        returns (Job memory job, uint256 price)
    {
        (job, price) = _delivered(deal, others, passed, used);
        VM.prank(CONSUMER);
        _escrow.dispute(job, "reason");
    }

    /// @dev What a consumer is told that so much time costs. The escrow is asked, since a prover that leaves products unopened
    /// takes a * b and b * a for two, and the compiler may write either here.
    function _quoted(uint256 time) private view returns (uint256 price) {
        (, price) = _escrow.quote(1, 0, uint32(time));
    }

    /// @dev Nothing of it is left, nothing of the others' is gone: those who sell have what was earned, each its part, the
    /// host what it won, the consumer the rest.
    function _assertDivided(Job memory job, uint256 others, uint256 earned, int256 won) private view {
        // That no job costs more is proven by itself (`StreamLemmas`).
        if (earned >> 120 != 0) return;
        Parts memory parts = StreamLib.divide(earned, job.feeBps, job.royaltyBps);
        unchecked {
            assert(_token.balanceOf(address(_escrow)) == others);
            assert(_token.balanceOf(TREASURY) == parts.fee);
            assert(_token.balanceOf(ANCESTORS) == parts.royalty);
            assert(_token.balanceOf(PAYOUT) == parts.payout);
            assert(int256(_token.balanceOf(address(this)) + others) == won);
            assert(int256(_token.balanceOf(CONSUMER)) == -won - int256(earned));
        }
    }
}
