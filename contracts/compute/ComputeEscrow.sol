// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {BPS} from "../interfaces/IAssets.sol";
import {IAssetRegistry} from "../interfaces/IAssetRegistry.sol";
import {
    HostOffer,
    IComputeEscrow,
    Job,
    JobEnding,
    JobOrder,
    JobRecord,
    JobStatus
} from "../interfaces/IComputeEscrow.sol";
import {Issue, Licence, LicenceKind, Offer} from "../interfaces/ILicences.sol";
import {Permit} from "../interfaces/ISeller.sol";
import {Parts} from "../interfaces/IStreams.sol";
import {Council} from "../governance/Council.sol";
import {PermitLib} from "../libraries/PermitLib.sol";
import {SignatureLib} from "../libraries/SignatureLib.sol";
import {StreamLib} from "../libraries/StreamLib.sol";
import {Deposits} from "../market/Deposits.sol";

/// @title ComputeEscrow: sells runs, and holds what they are paid with until the result is there.
/// @dev A job is named by the hash of all that never changes of it, so that one slot and the result are all that is stored.
contract ComputeEscrow is Council, Deposits, EIP712, IComputeEscrow {
    using PermitLib for Permit;

    /// After which a dispute lapses.
    uint256 public constant DECISION_TIME = 90 days;
    uint256 private constant MAX_WINDOW = 30 days;
    /// Nobody can look at a result in less.
    uint256 private constant MIN_REVIEW = 1 hours;
    bytes32 private constant OFFER_TYPEHASH = keccak256(
        "HostOffer(uint256 assetId,uint256 licence,address host,address consumer,bytes32 job,uint96 bond,uint32 runTime,uint32 graceTime,uint32 reviewTime,uint48 acceptBy)"
    );

    /// The registry whose licences for runs are sold here.
    IAssetRegistry public immutable registry;

    mapping(bytes32 id => JobRecord) private _records;

    constructor(address authority, IAssetRegistry registry_)
        AccessManaged(authority)
        EIP712("AI Asset Registry Compute", "1")
    {
        registry = registry_;
    }

    /* THE CONSUMER */

    /// @inheritdoc IComputeEscrow
    function open(JobOrder calldata order) external payable returns (bytes32 id) {
        return _open(order);
    }

    /// @inheritdoc IComputeEscrow
    function openWithPermit(JobOrder calldata order, Permit calldata permit) external returns (bytes32 id) {
        permit.use();
        return _open(order);
    }

    /// @inheritdoc IComputeEscrow
    function cancel(Job calldata job) external nonReentrant {
        _checkCaller(job.offer.consumer);
        (bytes32 id, JobRecord storage record) = _find(job);
        if (record.status == JobStatus.Open) {
            _close(id, record, job, JobEnding.Cancelled, 0, 0, 0);
            return;
        }
        _checkStatus(id, record, JobStatus.Running);
        // Whoever is late is paid nothing: that is for `expire`.
        _checkNotOver(_deliverBy(job.offer, record));
        _close(
            id,
            record,
            job,
            JobEnding.Cancelled,
            _owed(job, _ran(job, record)),
            job.offer.bond,
            job.offer.bond
        );
    }

    /// @inheritdoc IComputeEscrow
    function dispute(Job calldata job, bytes32 reason) external payable nonReentrant {
        _checkCaller(job.offer.consumer);
        (bytes32 id, JobRecord storage record) = _find(job);
        _checkStatus(id, record, JobStatus.Delivered);
        _checkNotOver(_reviewEnd(job.offer, record));
        if (reason == 0) revert EmptyReason();
        (record.status, record.since) = (JobStatus.Disputed, uint48(block.timestamp));
        emit JobDisputed(id, reason);
        _take(job.token, job.offer.bond);
    }

    /* THE HOST */

    /// @inheritdoc IComputeEscrow
    function accept(Job calldata job) external payable nonReentrant {
        _checkCaller(job.offer.host);
        (bytes32 id, JobRecord storage record) = _find(job);
        _checkStatus(id, record, JobStatus.Open);
        _checkNotOver(job.offer.acceptBy);
        (record.status, record.since) = (JobStatus.Running, uint48(block.timestamp));
        emit JobAccepted(id, uint48(_deliverBy(job.offer, record)));
        _take(job.token, job.offer.bond);
    }

    /// @inheritdoc IComputeEscrow
    function deliver(Job calldata job, bytes32 result, uint32 used) external {
        _checkCaller(job.offer.host);
        (bytes32 id, JobRecord storage record) = _find(job);
        _checkStatus(id, record, JobStatus.Running);
        _checkNotOver(_deliverBy(job.offer, record));
        uint256 ran = _ran(job, record);
        if (used > ran) used = uint32(ran);
        (record.status, record.since, record.used) = (JobStatus.Delivered, uint48(block.timestamp), used);
        record.result = result;
        emit JobDelivered(id, result, used, uint48(_reviewEnd(job.offer, record)));
    }

    /// @inheritdoc IComputeEscrow
    function giveUp(Job calldata job) external nonReentrant {
        _checkCaller(job.offer.host);
        (bytes32 id, JobRecord storage record) = _find(job);
        if (record.status == JobStatus.Open) {
            _close(id, record, job, JobEnding.GivenUp, 0, 0, 0);
            return;
        }
        _checkStatus(id, record, JobStatus.Running);
        _checkNotOver(_deliverBy(job.offer, record));
        _close(id, record, job, JobEnding.GivenUp, 0, job.offer.bond, job.offer.bond);
    }

    /* ANYBODY */

    /// @inheritdoc IComputeEscrow
    function settle(Job calldata job) external nonReentrant {
        (bytes32 id, JobRecord storage record) = _find(job);
        _checkStatus(id, record, JobStatus.Delivered);
        if (msg.sender != job.offer.consumer) _checkIsOver(_reviewEnd(job.offer, record));
        _close(id, record, job, JobEnding.Settled, _owed(job, record.used), job.offer.bond, job.offer.bond);
    }

    /// @inheritdoc IComputeEscrow
    function expire(Job calldata job) external nonReentrant {
        (bytes32 id, JobRecord storage record) = _find(job);
        if (record.status == JobStatus.Open) {
            _checkIsOver(job.offer.acceptBy);
            _close(id, record, job, JobEnding.Expired, 0, 0, 0);
            return;
        }
        _checkStatus(id, record, JobStatus.Running);
        _checkIsOver(_deliverBy(job.offer, record));
        _close(id, record, job, JobEnding.Expired, 0, 0, job.offer.bond);
    }

    /// @inheritdoc IComputeEscrow
    function lapse(Job calldata job) external nonReentrant {
        (bytes32 id, JobRecord storage record) = _find(job);
        _checkStatus(id, record, JobStatus.Disputed);
        _checkIsOver(record.since + DECISION_TIME);
        uint256 bond = job.offer.bond;
        _close(id, record, job, JobEnding.Lapsed, _owed(job, record.used), bond, 2 * bond);
    }

    /* THE COUNCIL */

    /// @inheritdoc IComputeEscrow
    function decide(Job calldata job, uint256 payBps, bytes32 reason) external onlyCouncil nonReentrant {
        if (msg.sender == job.offer.host || msg.sender == job.offer.consumer) {
            revert JudgeIsParty(msg.sender);
        }
        (bytes32 id, JobRecord storage record) = _find(job);
        _checkStatus(id, record, JobStatus.Disputed);
        if (payBps > BPS) revert InvalidShare(payBps);
        if (reason == 0) revert EmptyReason();
        emit JobDecided(id, msg.sender, payBps, reason);
        uint256 bonds = 2 * uint256(job.offer.bond);
        uint256 earned = _owed(job, record.used) * payBps / BPS;
        _close(id, record, job, JobEnding.Decided, earned, bonds * payBps / BPS, bonds);
    }

    /* VIEWS */

    /// @inheritdoc IComputeEscrow
    function recordOf(bytes32 id) external view returns (JobRecord memory) {
        return _records[id];
    }

    /// @inheritdoc IComputeEscrow
    function idOf(Job calldata job) public view returns (bytes32 id) {
        return keccak256(abi.encode(block.chainid, address(this), job));
    }

    /// @inheritdoc IComputeEscrow
    function hashOffer(HostOffer calldata offer) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(OFFER_TYPEHASH, offer)));
    }

    /// @inheritdoc IComputeEscrow
    function quote(uint256 assetId, uint256 licence, uint32 time)
        external
        view
        returns (address token, uint256 total)
    {
        Licence memory found = _licenceOf(assetId, licence);
        uint256 paid = time < found.minimum ? found.minimum : time;
        return
            (
                registry.paymentTokens()[found.paymentToken].token,
                StreamLib.owed(found.price, found.amount, paid)
            );
    }

    /// @inheritdoc IComputeEscrow
    function endOf(uint256, uint256, address) external pure returns (uint48 end) {
        return 0;
    }

    /* INTERNAL */

    function _open(JobOrder calldata order) private nonReentrant returns (bytes32 id) {
        HostOffer calldata offer = order.offer;
        _checkCaller(offer.consumer);
        Licence memory found = _licenceOf(offer.assetId, offer.licence);
        _checkOffer(offer, found.minimum);
        if (!SignatureLib.isValid(offer.host, hashOffer(offer), order.signature)) {
            revert InvalidOfferSignature(offer.host);
        }
        Job memory job = _sold(order, found);
        // As `idOf`, of what is in memory.
        id = keccak256(abi.encode(block.chainid, address(this), job));
        JobRecord storage record = _records[id];
        _checkStatus(id, record, JobStatus.None);
        uint256 total = StreamLib.owed(job.price, job.amount, offer.runTime);
        if (total > order.maxTotal) revert TotalAboveMaximum(total, order.maxTotal);
        // Nothing that this contract sends itself could be taken out again.
        if (job.payout == address(this)) revert PaymentRefused(job.payout, total);
        (record.status, record.since) = (JobStatus.Open, uint48(block.timestamp));
        emit JobOpened(id, offer.assetId, offer.consumer, offer.host, job, total);
        _take(job.token, total);
    }

    function _sold(JobOrder calldata order, Licence memory found) private returns (Job memory job) {
        HostOffer calldata offer = order.offer;
        Offer memory sold = registry.sell(
            Issue({
                assetId: offer.assetId,
                licence: offer.licence,
                account: offer.consumer,
                units: offer.runTime,
                asTokens: false,
                buyer: offer.consumer,
                digest: order.document
            })
        );
        return Job({
            offer: offer,
            token: sold.token,
            price: uint96(sold.price),
            amount: found.amount,
            minimum: found.minimum,
            feeBps: uint16(sold.feeBps),
            royaltyBps: uint16(sold.royaltyBps),
            treasury: sold.treasury,
            royaltyTo: sold.royaltyTo,
            payout: sold.payout
        });
    }

    function _checkOffer(HostOffer calldata offer, uint256 minimum) private view {
        _checkWindow(offer.runTime, minimum == 0 ? 1 : minimum);
        _checkWindow(offer.graceTime, 0);
        _checkWindow(offer.reviewTime, MIN_REVIEW);
        _checkNotOver(offer.acceptBy);
        _checkWindow(offer.acceptBy - block.timestamp, 0);
        if (offer.bond == 0) revert NoBond();
    }

    function _checkWindow(uint256 time, uint256 least) private pure {
        if (time < least || time > MAX_WINDOW) revert WindowOutOfRange(time, least, MAX_WINDOW);
    }

    /// @dev A licence of another kind would be issued when it is sold.
    function _licenceOf(uint256 assetId, uint256 licence) private view returns (Licence memory found) {
        found = registry.licenceOf(assetId, licence);
        if (found.kind != LicenceKind.Stream) revert NotARun(assetId, licence);
    }

    /// @dev Pays all that is held for a job: what it earned to those whose it is, the rest to its parties.
    /// @param earned What of the price was earned.
    /// @param toHost What the host gets of the bonds.
    /// @param bonds What was put up, by one or both.
    function _close(
        bytes32 id,
        JobRecord storage record,
        Job calldata job,
        JobEnding ending,
        uint256 earned,
        uint256 toHost,
        uint256 bonds
    ) private {
        (record.status, record.since) = (JobStatus.Closed, uint48(block.timestamp));
        uint256 toConsumer = _owed(job, job.offer.runTime) - earned + bonds - toHost;
        Parts memory parts = StreamLib.divide(earned, job.feeBps, job.royaltyBps);
        emit JobClosed(id, job.offer.assetId, ending, job.token, parts, toHost, toConsumer);
        _payOrPark(job.token, job.treasury, parts.fee);
        _payOrPark(job.token, job.royaltyTo, parts.royalty);
        _payOrPark(job.token, job.payout, parts.payout);
        _payOrPark(job.token, job.offer.host, toHost);
        _payOrPark(job.token, job.offer.consumer, toConsumer);
    }

    function _find(Job calldata job) private view returns (bytes32 id, JobRecord storage record) {
        id = idOf(job);
        record = _records[id];
    }

    /// @dev The seconds that a job ran by now, or would have, had it not been late.
    function _ran(Job calldata job, JobRecord storage record) private view returns (uint256) {
        uint256 passed = block.timestamp - record.since;
        return passed < job.offer.runTime ? passed : job.offer.runTime;
    }

    function _owed(Job calldata job, uint256 time) private pure returns (uint256) {
        return StreamLib.owed(job.price, job.amount, time < job.minimum ? job.minimum : time);
    }

    function _deliverBy(HostOffer calldata offer, JobRecord storage record) private view returns (uint256) {
        return uint256(record.since) + offer.runTime + offer.graceTime;
    }

    function _reviewEnd(HostOffer calldata offer, JobRecord storage record) private view returns (uint256) {
        return uint256(record.since) + offer.reviewTime;
    }

    function _checkCaller(address party) private view {
        if (msg.sender != party) revert NotParty(party, msg.sender);
    }

    function _checkStatus(bytes32 id, JobRecord storage record, JobStatus wanted) private view {
        if (record.status != wanted) revert JobIs(id, record.status);
    }

    function _checkNotOver(uint256 end) private view {
        if (block.timestamp > end) revert TooLate(end);
    }

    function _checkIsOver(uint256 end) private view {
        if (block.timestamp <= end) revert TooEarly(end);
    }
}
