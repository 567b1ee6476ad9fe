// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {ICouncil} from "./ICouncil.sol";
import {IDeposits} from "./IDeposits.sol";
import {Permit} from "./ISeller.sol";
import {Parts} from "./IStreams.sol";

/// @dev How far a job is.
enum JobStatus {
    None,
    Open,
    Running,
    Delivered,
    Disputed,
    Closed
}

/// @dev How a job came to its end.
enum JobEnding {
    /// Paid for, as it was delivered.
    Settled,
    /// By its consumer, who paid for the time that had passed.
    Cancelled,
    /// Not begun, or not delivered, in time.
    Expired,
    /// By its host, who was paid nothing.
    GivenUp,
    /// By the council or the DAO.
    Decided,
    /// Disputed, and decided by nobody.
    Lapsed
}

/// @dev What a host signs: that it will run one job of one consumer, and what it binds itself to.
struct HostOffer {
    /// The asset that offers the run, and the number of the licence that says what a second costs.
    uint256 assetId;
    uint256 licence;
    address host;
    address consumer;
    /// Digest of the job: code, data, parameters, and what makes it another than the same one before.
    bytes32 job;
    /// What the host puts up, in what the licence is priced in; so does who disputes the result.
    uint96 bond;
    /// The longest that it may run, in seconds.
    uint32 runTime;
    /// What is left after that to deliver, in seconds.
    uint32 graceTime;
    /// How long the consumer may look at the result, in seconds.
    uint32 reviewTime;
    /// The job may be opened and begun until then (seconds since 1970).
    uint48 acceptBy;
}

/// @dev What a consumer orders.
struct JobOrder {
    HostOffer offer;
    /// The host's EIP-712 signature over the offer.
    bytes signature;
    /// The document that the consumer saw, with the terms; zero for any.
    bytes32 document;
    /// The most that the consumer will pay, fee and royalty included.
    uint256 maxTotal;
}

/// @dev A job as it was opened, all that never changes of it. It is not stored: whoever acts on the job hands it in.
struct Job {
    HostOffer offer;
    /// What it is paid in; zero for the native coin.
    address token;
    /// What so many seconds cost, and the seconds that are paid for at least.
    uint96 price;
    uint32 amount;
    uint24 minimum;
    uint16 feeBps;
    uint16 royaltyBps;
    address treasury;
    address royaltyTo;
    address payout;
}

/// @dev What changes of a job.
struct JobRecord {
    JobStatus status;
    /// When it came to be so (seconds since 1970).
    uint48 since;
    /// The seconds that are paid for, once it is delivered.
    uint32 used;
    /// Digest of the sealed result, once it is delivered.
    bytes32 result;
}

/// @title ComputeEscrow: runs of code on data that stay where they are, paid for when the result is there.
/// @notice Holds what a consumer pays for one job and what its host puts up, job by job. Nothing is paid for what failed on
/// the host's side. Time is that of the chain, and no more is paid for than passed there. Each job ends by itself: what is
/// not begun, delivered, or disputed in time is closed by anybody. The council decides disputed jobs only, and only between
/// the two parties of each. A licence that is closed, delisted or paused, another price, or the end of this seller concern
/// new jobs only. There is no administrator of what is held here, no pause of exits and no way to change the code.
/// @dev The price is that of a licence by the second that names this contract; a run gives no access to the asset.
interface IComputeEscrow is IDeposits, ICouncil {
    /* EVENTS */

    /// @notice A job was opened and paid in.
    /// @param id The job.
    /// @param assetId The asset that offers the run.
    /// @param consumer Who pays.
    /// @param host Who is to run it.
    /// @param job The job: what every act on it is handed.
    /// @param total What was paid in.
    event JobOpened(
        bytes32 indexed id,
        uint256 indexed assetId,
        address indexed consumer,
        address host,
        Job job,
        uint256 total
    );

    /// @notice Its host began a job and put up the bond.
    /// @param id The job.
    /// @param deliverBy Until when it has to be delivered.
    event JobAccepted(bytes32 indexed id, uint48 deliverBy);

    /// @notice Its host delivered a job.
    /// @param id The job.
    /// @param result Digest of the sealed result.
    /// @param used The seconds that are paid for.
    /// @param reviewEnd Until when the consumer may dispute it.
    event JobDelivered(bytes32 indexed id, bytes32 result, uint32 used, uint48 reviewEnd);

    /// @notice Its consumer disputes a job and put up a bond.
    /// @param id The job.
    /// @param reason sha2-256 of the reason.
    event JobDisputed(bytes32 indexed id, bytes32 reason);

    /// @notice A dispute was decided.
    /// @param id The job.
    /// @param judge Who decided.
    /// @param payBps The host's side of it, in basis points.
    /// @param reason sha2-256 of the reason.
    event JobDecided(bytes32 indexed id, address indexed judge, uint256 payBps, bytes32 reason);

    /// @notice A job is over, and all that was held for it was paid out or parked.
    /// @param id The job.
    /// @param assetId The asset that offered the run.
    /// @param ending How it ended.
    /// @param token What it was in; zero for the native coin.
    /// @param parts What the treasury, the ancestors and the payout are paid.
    /// @param toHost What the host gets of the bonds.
    /// @param toConsumer What the consumer gets back, bonds included.
    event JobClosed(
        bytes32 indexed id,
        uint256 indexed assetId,
        JobEnding ending,
        address indexed token,
        Parts parts,
        uint256 toHost,
        uint256 toConsumer
    );

    /* ERRORS */

    /// @dev The job is not at the point for this.
    error JobIs(bytes32 id, JobStatus status);

    /// @dev Only this party of the job may do it.
    error NotParty(address party, address caller);

    /// @dev A party of a job does not decide it.
    error JudgeIsParty(address judge);

    /// @dev The host did not sign this offer on this chain and for this contract.
    error InvalidOfferSignature(address host);

    /// @dev The licence does not sell runs.
    error NotARun(uint256 assetId, uint256 licence);

    /// @dev A time that is not possible: a window lasts 30 days at most, a run the licence's minimum at least.
    error WindowOutOfRange(uint256 time, uint256 least, uint256 most);

    /// @dev A host puts up something.
    error NoBond();

    /// @dev It was possible until then.
    error TooLate(uint256 end);

    /// @dev It is possible after that.
    error TooEarly(uint256 end);

    /// @dev A share is ten thousand basis points at most.
    error InvalidShare(uint256 payBps);

    /* THE CONSUMER */

    /// @notice Open a job that its host offered, and pay in what it costs at most.
    /// @dev Native coin beyond the total returns to the consumer.
    /// @param order What is ordered.
    /// @return id The job.
    function open(JobOrder calldata order) external payable returns (bytes32 id);

    /// @notice As `open`, approving the payment by signature.
    /// @param order What is ordered.
    /// @param permit The approval of this contract.
    /// @return id The job.
    function openWithPermit(JobOrder calldata order, Permit calldata permit) external returns (bytes32 id);

    /// @notice End a job: all comes back before it is begun; while it runs, the time that passed is paid for.
    /// @param job The job.
    function cancel(Job calldata job) external;

    /// @notice Dispute what was delivered, while it may be looked at. It costs as much as the host's bond.
    /// @param job The job.
    /// @param reason sha2-256 of the reason.
    function dispute(Job calldata job, bytes32 reason) external payable;

    /* THE HOST */

    /// @notice Begin a job, and put up the bond. Its time starts.
    /// @param job The job.
    function accept(Job calldata job) external payable;

    /// @notice Deliver a job.
    /// @param job The job.
    /// @param result Digest of the sealed result, or of the log of a program that failed by itself.
    /// @param used The seconds that it ran; no more count than passed on the chain, nor than the run may last.
    function deliver(Job calldata job, bytes32 result, uint32 used) external;

    /// @notice Give a job up that could not be run: the consumer gets all back, the host its bond.
    /// @param job The job.
    function giveUp(Job calldata job) external;

    /* ANYBODY */

    /// @notice Pay for what was delivered: by the consumer at once, by anybody after the review.
    /// @param job The job.
    function settle(Job calldata job) external;

    /// @notice Close a job that was not begun in time, or not delivered in time: then the bond is the consumer's too.
    /// @param job The job.
    function expire(Job calldata job) external;

    /// @notice Close a dispute that nobody decided within 90 days: as it was delivered, and both bonds go back.
    /// @param job The job.
    function lapse(Job calldata job) external;

    /* THE COUNCIL */

    /// @notice Decide a dispute: by the council or the DAO, if it is no party. What the job earned is paid to this share, and
    /// both bonds are divided by it.
    /// @param job The job.
    /// @param payBps The host's side of it, in basis points: 10,000 if the host was right, none if the consumer was.
    /// @param reason sha2-256 of the reason.
    function decide(Job calldata job, uint256 payBps, bytes32 reason) external;

    /* VIEWS */

    /// @notice How far a job is.
    /// @param id The job.
    /// @return What changes of it; its status is None if there is none.
    function recordOf(bytes32 id) external view returns (JobRecord memory);

    /// @notice What a job is called, on this chain and in this contract.
    /// @param job The job.
    /// @return id The job.
    function idOf(Job calldata job) external view returns (bytes32 id);

    /// @notice The EIP-712 hash that a host signs.
    /// @param offer The offer.
    /// @return The hash.
    function hashOffer(HostOffer calldata offer) external view returns (bytes32);

    /// @notice What so many seconds of a run cost now.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param time Seconds; the licence's minimum is paid at least.
    /// @return token Payment token; zero for the native coin.
    /// @return total What is paid for them.
    function quote(uint256 assetId, uint256 licence, uint32 time)
        external
        view
        returns (address token, uint256 total);

    /// @notice Until when an account has access by a licence for runs: never. The registry asks this.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param account The account.
    /// @return end Zero.
    function endOf(uint256 assetId, uint256 licence, address account) external view returns (uint48 end);
}
