// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IAssets} from "../interfaces/IAssets.sol";
import {Case, CaseState, CurationStatus, ICuration, Listing} from "../interfaces/ICuration.sol";

/// @title Curation: flags with bonds, decisions, endorsements and delistings.
/// @dev Holds the bonds of open cases and those not yet withdrawn, each on its own account: no payment can fail a decision.
contract Curation is ICuration, AccessManaged, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    struct Entry {
        bytes32 endorsement;
        bytes32 delisting;
        uint48 delistedUntil;
        uint32 openFlags;
        /// The open appeal, zero without one.
        uint64 appealId;
        bool delisted;
    }

    uint256 public constant ANSWER_TIME = 7 days;
    uint256 public constant DECISION_TIME = 90 days;
    uint256 private constant MIN_DELISTING = 1 days;
    uint256 private constant MAX_TERM = 365 days;

    /// The registry whose assets are curated.
    IAssets public immutable registry;

    /// @inheritdoc ICuration
    uint256 public caseCount;
    /// @inheritdoc ICuration
    mapping(address token => uint128) public bondIn;
    /// @inheritdoc ICuration
    mapping(address account => mapping(address token => uint256)) public bondsOf;

    address private _council;
    uint48 private _councilUntil;
    mapping(uint256 caseId => Case) private _cases;
    mapping(uint256 assetId => Entry) private _entries;

    modifier onlyCurators() {
        if (msg.sender != council()) _checkCanCall(msg.sender, msg.data);
        _;
    }

    constructor(address authority, IAssets registry_) AccessManaged(authority) {
        registry = registry_;
    }

    /* CASES */

    /// @inheritdoc ICuration
    function flag(uint256 assetId, bytes32 reason, address token, uint256 maxBond)
        external
        nonReentrant
        returns (uint256 caseId)
    {
        // Asked for its revert, if there is none.
        // slither-disable-next-line unused-return
        registry.assetInfo(assetId);
        ++_entries[assetId].openFlags;
        return _open(assetId, reason, token, maxBond, false);
    }

    /// @inheritdoc ICuration
    function appeal(uint256 assetId, bytes32 reason, address token, uint256 maxBond)
        external
        nonReentrant
        returns (uint256 caseId)
    {
        Entry storage entry = _entries[assetId];
        if (registry.assetInfo(assetId).owner != msg.sender) revert NotOwnerOfAsset(assetId, msg.sender);
        if (!entry.delisted) revert NotDelisted(assetId);
        if (entry.appealId != 0) revert AppealOpen(assetId, entry.appealId);
        entry.appealId = uint64(caseCount + 1);
        return _open(assetId, reason, token, maxBond, true);
    }

    /// @inheritdoc ICuration
    function answer(uint256 caseId, bytes32 answer_) external {
        Case storage case_ = _openCase(caseId);
        if (answer_ == 0) revert EmptyReason();
        if (registry.assetInfo(case_.assetId).owner != msg.sender) {
            revert NotOwnerOfAsset(case_.assetId, msg.sender);
        }
        if (case_.appeal || case_.answer != 0 || block.timestamp > case_.openedAt + ANSWER_TIME) {
            revert CannotAnswer(caseId);
        }
        case_.answer = answer_;
        emit CaseAnswered(caseId, msg.sender, answer_);
    }

    /// @inheritdoc ICuration
    function decideFlag(uint256 caseId, bool upheld, bytes32 reason, uint48 until) external onlyCurators {
        Case storage case_ = _openCase(caseId);
        if (case_.appeal) revert WrongKindOfCase(caseId);
        uint256 answerEnd = case_.openedAt + ANSWER_TIME;
        if (case_.answer == 0 && block.timestamp <= answerEnd) revert AnswerPending(caseId, answerEnd);
        uint256 assetId = case_.assetId;
        address owner = registry.assetInfo(assetId).owner;
        _close(
            caseId, upheld ? CaseState.Upheld : CaseState.Dismissed, reason, upheld ? case_.claimant : owner
        );
        if (!upheld) return;
        // A council cannot shorten what the DAO decided, nor one case what another did.
        Entry storage entry = _entries[assetId];
        bool lasts = entry.delistedUntil == 0 || (until != 0 && until < entry.delistedUntil);
        if (!entry.delisted || !lasts) _delist(assetId, reason, until);
    }

    /// @inheritdoc ICuration
    function decideAppeal(uint256 caseId, bool upheld, bytes32 reason) external restricted {
        Case storage case_ = _openCase(caseId);
        if (!case_.appeal) revert WrongKindOfCase(caseId);
        // Whoever appeals in vain pays the DAO for its time: the decision comes from its treasury.
        _close(
            caseId,
            upheld ? CaseState.Upheld : CaseState.Dismissed,
            reason,
            upheld ? case_.claimant : msg.sender
        );
        if (upheld) _relist(case_.assetId);
    }

    /// @inheritdoc ICuration
    function lapse(uint256 caseId) external {
        Case storage case_ = _openCase(caseId);
        uint256 end = case_.openedAt + DECISION_TIME;
        if (block.timestamp <= end) revert NotLapsed(caseId, end);
        _close(caseId, CaseState.Lapsed, 0, case_.claimant);
    }

    /// @inheritdoc ICuration
    function withdrawBonds(address token, address to) external nonReentrant returns (uint256 amount) {
        amount = bondsOf[msg.sender][token];
        if (amount == 0) revert NothingToWithdraw(msg.sender, token);
        bondsOf[msg.sender][token] = 0;
        emit BondsWithdrawn(msg.sender, token, to, amount);
        IERC20(token).safeTransfer(to, amount);
    }

    /* LISTING */

    /// @inheritdoc ICuration
    function endorse(uint256 assetId, bytes32 reason) external onlyCurators {
        // Asked for its revert, if there is none.
        // slither-disable-next-line unused-return
        registry.assetInfo(assetId);
        if (reason == 0) revert EmptyReason();
        _entries[assetId].endorsement = reason;
        emit EndorsementChanged(assetId, true, reason);
    }

    /// @inheritdoc ICuration
    function unendorse(uint256 assetId, bytes32 reason) external onlyCurators {
        _entries[assetId].endorsement = 0;
        emit EndorsementChanged(assetId, false, reason);
    }

    /// @inheritdoc ICuration
    function delist(uint256 assetId, bytes32 reason, uint48 until) external restricted {
        _delist(assetId, reason, until);
    }

    /// @inheritdoc ICuration
    function relist(uint256 assetId) external {
        Entry storage entry = _entries[assetId];
        if (!entry.delisted) revert NotDelisted(assetId);
        uint256 until = entry.delistedUntil;
        if (until == 0 || block.timestamp <= until) _checkCanCall(msg.sender, msg.data);
        _relist(assetId);
    }

    /* SETTINGS */

    /// @inheritdoc ICuration
    function setBond(address token, uint128 amount) external restricted {
        bondIn[token] = amount;
        emit BondChanged(token, amount);
    }

    /// @inheritdoc ICuration
    function nameCouncil(address council_, uint48 until) external restricted {
        uint256 maximum = block.timestamp + MAX_TERM;
        if (until > maximum) revert CouncilTooLong(until, maximum);
        (_council, _councilUntil) = (council_, until);
        emit CouncilNamed(council_, until);
    }

    /* VIEWS */

    /// @inheritdoc ICuration
    function listingOf(uint256 assetId) external view returns (Listing memory listing) {
        Entry memory entry = _entries[assetId];
        listing.openFlags = entry.openFlags;
        if (entry.delisted) {
            listing.status = CurationStatus.Delisted;
            listing.reason = entry.delisting;
            listing.delistedUntil = entry.delistedUntil;
        } else {
            listing.reason = entry.endorsement;
            if (entry.openFlags != 0) listing.status = CurationStatus.Flagged;
            else if (entry.endorsement != 0) listing.status = CurationStatus.Endorsed;
        }
    }

    /// @inheritdoc ICuration
    function caseOf(uint256 caseId) external view returns (Case memory) {
        return _cases[caseId];
    }

    /// @inheritdoc ICuration
    function council() public view returns (address) {
        return block.timestamp > _councilUntil ? address(0) : _council;
    }

    /* INTERNAL */

    function _open(uint256 assetId, bytes32 reason, address token, uint256 maxBond, bool appeal_)
        private
        returns (uint256 caseId)
    {
        if (reason == 0) revert EmptyReason();
        uint256 bond = bondIn[token];
        if (bond == 0) revert BondTokenNotAllowed(token);
        if (bond > maxBond) revert BondAboveMaximum(bond, maxBond);
        caseId = ++caseCount;
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), bond);
        // What arrived counts: a token may keep a fee, and nobody is paid from the bonds of others.
        uint256 arrived = IERC20(token).balanceOf(address(this)) - before;
        // A case needs some bond. Whoever gives a little on the way, to pass this, gives a bond.
        // slither-disable-next-line incorrect-equality
        if (arrived == 0) revert BondMissing(token);
        if (arrived < bond) bond = arrived;
        _cases[caseId] = Case({
            assetId: assetId,
            reason: reason,
            answer: 0,
            claimant: msg.sender,
            bondToken: token,
            bond: uint128(bond),
            openedAt: uint48(block.timestamp),
            appeal: appeal_,
            state: CaseState.Open
        });
        emit CaseOpened(caseId, assetId, msg.sender, appeal_, reason, token, bond);
    }

    function _openCase(uint256 caseId) private view returns (Case storage case_) {
        case_ = _cases[caseId];
        if (case_.state != CaseState.Open) revert CaseNotOpen(caseId, case_.state);
    }

    function _close(uint256 caseId, CaseState state, bytes32 reason, address beneficiary) private {
        Case storage case_ = _cases[caseId];
        if (reason == 0 && state != CaseState.Lapsed) revert EmptyReason();
        case_.state = state;
        Entry storage entry = _entries[case_.assetId];
        if (case_.appeal) entry.appealId = 0;
        else --entry.openFlags;
        bondsOf[beneficiary][case_.bondToken] += case_.bond;
        emit CaseClosed(caseId, case_.assetId, state, reason, beneficiary);
    }

    function _delist(uint256 assetId, bytes32 reason, uint48 until) private {
        if (reason == 0) revert EmptyReason();
        if (until != 0 && (until < block.timestamp + MIN_DELISTING || until > block.timestamp + MAX_TERM)) {
            revert InvalidEnd(until);
        }
        Entry storage entry = _entries[assetId];
        (entry.delisting, entry.delistedUntil, entry.delisted) = (reason, until, true);
        emit AssetDelisted(assetId, until, reason);
        registry.setDelisted(assetId, true);
    }

    function _relist(uint256 assetId) private {
        Entry storage entry = _entries[assetId];
        (entry.delisting, entry.delistedUntil, entry.delisted) = (0, 0, false);
        emit AssetRelisted(assetId);
        registry.setDelisted(assetId, false);
    }
}
