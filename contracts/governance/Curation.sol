// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IAssetRegistry} from "../interfaces/IAssetRegistry.sol";
import {AssetInfo} from "../interfaces/IAssets.sol";
import {Case, CaseState, CurationStatus, ICuration, Listing} from "../interfaces/ICuration.sol";
import {Ledger} from "../revenue/Ledger.sol";
import {Council} from "./Council.sol";

/// @title Curation: flags with bonds, decisions, endorsements and delistings.
/// @dev Holds the bonds of open cases; those of closed ones wait in the ledger: no payment can fail a decision.
contract Curation is Council, Ledger, ICuration {
    using SafeERC20 for IERC20;

    struct Entry {
        bytes32 endorsement;
        bytes32 delisting;
        uint48 delistedUntil;
        uint32 openFlags;
        /// The last appeal, while it is open; zero without one.
        uint64 appealId;
        bool delisted;
        /// How often it was delisted.
        uint32 delistings;
        /// What was endorsed: a version of the document, in an epoch of ownership.
        uint24 endorsedVersion;
        uint24 endorsedEpoch;
    }

    /// How long the owner may answer a flag.
    uint256 public constant ANSWER_TIME = 7 days;
    /// After which a case lapses.
    uint256 public constant DECISION_TIME = 90 days;
    uint256 private constant MIN_DELISTING = 1 days;

    /// The registry whose assets are curated.
    IAssetRegistry public immutable registry;

    /// @inheritdoc ICuration
    uint256 public caseCount;
    /// @inheritdoc ICuration
    mapping(address token => uint128) public bondIn;

    mapping(uint256 caseId => Case) private _cases;
    mapping(uint256 assetId => Entry) private _entries;

    constructor(address authority, IAssetRegistry registry_) AccessManaged(authority) {
        registry = registry_;
    }

    /* CASES */

    /// @inheritdoc ICuration
    function flag(uint256 assetId, bytes32 reason, address token, uint256 maxBond)
        external
        nonReentrant
        returns (uint256 caseId)
    {
        // Reverts for an asset that does not exist.
        registry.assetInfo(assetId);
        ++_entries[assetId].openFlags;
        return _open(assetId, reason, token, maxBond, 0);
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
        Case storage last = _cases[entry.appealId];
        if (last.state == CaseState.Open && last.claimant == msg.sender && last.delisting == entry.delistings)
        {
            revert AppealOpen(assetId, entry.appealId);
        }
        entry.appealId = uint64(caseCount + 1);
        return _open(assetId, reason, token, maxBond, entry.delistings);
    }

    /// @inheritdoc ICuration
    function answer(uint256 caseId, bytes32 answer_) external {
        Case storage found = _openCase(caseId);
        if (answer_ == 0) revert EmptyReason();
        if (registry.assetInfo(found.assetId).owner != msg.sender) {
            revert NotOwnerOfAsset(found.assetId, msg.sender);
        }
        if (found.appeal || found.answer != 0 || block.timestamp > found.openedAt + ANSWER_TIME) {
            revert CannotAnswer(caseId);
        }
        found.answer = answer_;
        emit CaseAnswered(caseId, msg.sender, answer_);
    }

    /// @inheritdoc ICuration
    function decideFlag(uint256 caseId, bool upheld, bytes32 reason, uint48 until) external onlyCouncil {
        Case storage found = _openCase(caseId);
        if (found.appeal) revert WrongKindOfCase(caseId);
        uint256 answerEnd = found.openedAt + ANSWER_TIME;
        if (found.answer == 0 && block.timestamp <= answerEnd) revert AnswerPending(caseId, answerEnd);
        uint256 assetId = found.assetId;
        address owner = registry.assetInfo(assetId).owner;
        _close(
            caseId, upheld ? CaseState.Upheld : CaseState.Dismissed, reason, upheld ? found.claimant : owner
        );
        if (!upheld) return;
        // A council cannot shorten what the DAO decided, nor one case what another did.
        Entry storage entry = _entries[assetId];
        bool lasts = entry.delistedUntil == 0 || (until != 0 && until < entry.delistedUntil);
        if (!entry.delisted || !lasts) _delist(assetId, reason, until);
    }

    /// @inheritdoc ICuration
    function decideAppeal(uint256 caseId, bool upheld, bytes32 reason) external restricted {
        Case storage found = _openCase(caseId);
        if (!found.appeal) revert WrongKindOfCase(caseId);
        (address treasury,,) = registry.salesRules();
        // Whoever appeals in vain pays the DAO for its time.
        _close(
            caseId,
            upheld ? CaseState.Upheld : CaseState.Dismissed,
            reason,
            upheld ? found.claimant : treasury
        );
        Entry storage entry = _entries[found.assetId];
        if (upheld && entry.delisted && entry.delistings == found.delisting) _relist(found.assetId);
    }

    /// @inheritdoc ICuration
    function lapse(uint256 caseId) external {
        Case storage found = _openCase(caseId);
        uint256 end = found.openedAt + DECISION_TIME;
        if (block.timestamp <= end) revert NotLapsed(caseId, end);
        _close(caseId, CaseState.Lapsed, 0, found.claimant);
    }

    /* LISTING */

    /// @inheritdoc ICuration
    function endorse(uint256 assetId, uint256 version, address owner, bytes32 reason) external onlyCouncil {
        AssetInfo memory info = registry.assetInfo(assetId);
        if (info.version != version || info.owner != owner) {
            revert AssetChanged(assetId, info.version, info.owner);
        }
        if (reason == 0) revert EmptyReason();
        Entry storage entry = _entries[assetId];
        entry.endorsement = reason;
        (entry.endorsedVersion, entry.endorsedEpoch) = (uint24(version), uint24(info.epoch));
        emit EndorsementChanged(assetId, true, version, reason);
    }

    /// @inheritdoc ICuration
    function unendorse(uint256 assetId, bytes32 reason) external onlyCouncil {
        _entries[assetId].endorsement = 0;
        emit EndorsementChanged(assetId, false, 0, reason);
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
            bool endorsed = entry.endorsement != 0 && _isAsEndorsed(assetId, entry);
            if (endorsed) listing.reason = entry.endorsement;
            if (entry.openFlags != 0) listing.status = CurationStatus.Flagged;
            else if (endorsed) listing.status = CurationStatus.Endorsed;
        }
    }

    /// @inheritdoc ICuration
    function caseOf(uint256 caseId) external view returns (Case memory) {
        return _cases[caseId];
    }

    /* INTERNAL */

    function _isAsEndorsed(uint256 assetId, Entry memory entry) private view returns (bool) {
        AssetInfo memory info = registry.assetInfo(assetId);
        return info.version == entry.endorsedVersion && info.epoch == entry.endorsedEpoch;
    }

    /// @param delisting What an appeal is against; zero for a flag.
    function _open(uint256 assetId, bytes32 reason, address token, uint256 maxBond, uint32 delisting)
        private
        returns (uint256 caseId)
    {
        if (reason == 0) revert EmptyReason();
        uint256 bond = bondIn[token];
        if (bond == 0) revert BondTokenNotAllowed(token);
        if (bond > maxBond) revert BondAboveMaximum(bond, maxBond);
        caseId = ++caseCount;
        uint256 before = _balance(token);
        IERC20(token).safeTransferFrom(msg.sender, address(this), bond);
        // What arrived counts: a token may keep a fee, and nobody is paid from the bonds of others.
        uint256 arrived = _balance(token) - before;
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
            appeal: delisting != 0,
            state: CaseState.Open,
            delisting: delisting
        });
        emit CaseOpened(caseId, assetId, msg.sender, delisting != 0, reason, token, bond);
    }

    function _openCase(uint256 caseId) private view returns (Case storage found) {
        found = _cases[caseId];
        if (found.state != CaseState.Open) revert CaseNotOpen(caseId, found.state);
    }

    function _close(uint256 caseId, CaseState state, bytes32 reason, address beneficiary) private {
        Case storage found = _cases[caseId];
        if (reason == 0 && state != CaseState.Lapsed) revert EmptyReason();
        found.state = state;
        Entry storage entry = _entries[found.assetId];
        if (!found.appeal) --entry.openFlags;
        else if (entry.appealId == caseId) entry.appealId = 0;
        emit CaseClosed(caseId, found.assetId, state, reason, beneficiary);
        _park(found.bondToken, beneficiary, found.bond);
    }

    function _delist(uint256 assetId, bytes32 reason, uint48 until) private {
        if (reason == 0) revert EmptyReason();
        if (until != 0 && (until < block.timestamp + MIN_DELISTING || until > block.timestamp + MAX_TERM)) {
            revert InvalidEnd(until);
        }
        Entry storage entry = _entries[assetId];
        (entry.delisting, entry.delistedUntil, entry.delisted) = (reason, until, true);
        emit AssetDelisted(assetId, ++entry.delistings, until, reason);
        registry.setDelisted(assetId, true);
    }

    function _relist(uint256 assetId) private {
        Entry storage entry = _entries[assetId];
        (entry.delisting, entry.delistedUntil, entry.delisted) = (0, 0, false);
        emit AssetRelisted(assetId);
        registry.setDelisted(assetId, false);
    }
}
