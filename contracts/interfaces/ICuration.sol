// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {ICouncil} from "./ICouncil.sol";
import {ILedger} from "./ILedger.sol";

/// @dev What curation says of an asset: the gravest of what holds.
enum CurationStatus {
    Unlisted,
    Endorsed,
    Flagged,
    Delisted
}

/// @dev How far a case is.
enum CaseState {
    None,
    Open,
    Upheld,
    Dismissed,
    Lapsed
}

/// @dev A flag on an asset, or an appeal of its owner against a delisting.
struct Case {
    uint256 assetId;
    /// sha2-256 of the reason, one raw block.
    bytes32 reason;
    /// sha2-256 of the owner's answer; zero without one.
    bytes32 answer;
    /// Who flagged, or appealed.
    address claimant;
    address bondToken;
    /// What arrived of the bond.
    uint128 bond;
    uint48 openedAt;
    bool appeal;
    CaseState state;
    /// Of an appeal: which delisting of the asset it is against; delistings of an asset are numbered from 1.
    uint32 delisting;
}

/// @dev What curation holds of an asset.
struct Listing {
    CurationStatus status;
    /// sha2-256 of the reason for the endorsement or the delisting, whichever holds.
    bytes32 reason;
    /// When a delisting ends; zero if it does not end by itself.
    uint48 delistedUntil;
    uint32 openFlags;
}

/// @title Curation: what the community recommends, and what it stops the selling of.
/// @notice Anybody may flag an asset with a bond. The owner may answer within seven days; then the DAO, or a council that it
/// names for a time, decides. The bond goes back to who flagged, or to the owner who was flagged wrongly: it waits in the
/// ledger. A delisting stops new sales, and nothing else: no token, balance or access can be touched from here.
interface ICuration is ICouncil, ILedger {
    /* EVENTS */

    /// @notice An asset was flagged, or a delisting appealed.
    /// @param caseId The number of the case.
    /// @param assetId The asset.
    /// @param claimant Who flagged, or appealed.
    /// @param appeal Whether it is an appeal.
    /// @param reason sha2-256 of the reason.
    /// @param bondToken What the bond is in.
    /// @param bond What arrived of it.
    event CaseOpened(
        uint256 indexed caseId,
        uint256 indexed assetId,
        address indexed claimant,
        bool appeal,
        bytes32 reason,
        address bondToken,
        uint256 bond
    );

    /// @notice The owner of a flagged asset answered.
    /// @param caseId The number of the case.
    /// @param owner Who answered.
    /// @param answer sha2-256 of the answer.
    event CaseAnswered(uint256 indexed caseId, address indexed owner, bytes32 answer);

    /// @notice A case was decided, or nobody decided it in time.
    /// @param caseId The number of the case.
    /// @param assetId The asset.
    /// @param state How it ended.
    /// @param reason sha2-256 of the reason; zero if it lapsed.
    /// @param beneficiary Whose the bond is now; it waits in the ledger.
    event CaseClosed(
        uint256 indexed caseId, uint256 indexed assetId, CaseState state, bytes32 reason, address beneficiary
    );

    /// @notice An asset was endorsed, or no longer is.
    /// @param assetId The asset.
    /// @param endorsed Whether it is.
    /// @param version The version of its document that was endorsed; zero if it is no longer.
    /// @param reason sha2-256 of the reason.
    event EndorsementChanged(uint256 indexed assetId, bool endorsed, uint256 version, bytes32 reason);

    /// @notice An asset cannot be sold anew.
    /// @param assetId The asset.
    /// @param delisting The number of this delisting of the asset.
    /// @param until When it ends; zero if it does not end by itself.
    /// @param reason sha2-256 of the reason.
    event AssetDelisted(uint256 indexed assetId, uint32 delisting, uint48 until, bytes32 reason);

    /// @notice An asset can be sold again.
    /// @param assetId The asset.
    event AssetRelisted(uint256 indexed assetId);

    /// @notice A flag or an appeal costs another bond from now on.
    /// @param token What the bond is in.
    /// @param amount How much; zero ends the token.
    event BondChanged(address indexed token, uint128 amount);

    /* ERRORS */

    /// @dev No bonds are taken in this token.
    error BondTokenNotAllowed(address token);

    /// @dev The bond is above what the claimant agreed to.
    error BondAboveMaximum(uint256 bond, uint256 maximum);

    /// @dev Nothing of the bond arrived.
    error BondMissing(address token);

    /// @dev There is no such open case.
    error CaseNotOpen(uint256 caseId, CaseState state);

    /// @dev The caller does not own the asset.
    error NotOwnerOfAsset(uint256 assetId, address account);

    /// @dev The asset has another document or another owner than those that were to be endorsed.
    error AssetChanged(uint256 assetId, uint256 version, address owner);

    /// @dev The owner answered, or the time for it is over, or there is nothing to answer in an appeal.
    error CannotAnswer(uint256 caseId);

    /// @dev The owner still has time to answer.
    error AnswerPending(uint256 caseId, uint256 until);

    /// @dev Flags are decided as flags, appeals as appeals.
    error WrongKindOfCase(uint256 caseId);

    /// @dev A delisting ends between one day and a year from now, or not by itself.
    error InvalidEnd(uint256 until);

    /// @dev The asset is not delisted.
    error NotDelisted(uint256 assetId);

    /// @dev The owner has appealed against this delisting already.
    error AppealOpen(uint256 assetId, uint256 caseId);

    /// @dev The case can lapse only after this.
    error NotLapsed(uint256 caseId, uint256 after_);

    /* CASES */

    /// @notice Flag an asset; takes the bond from the caller.
    /// @param assetId The asset.
    /// @param reason sha2-256 of a document that says what is wrong.
    /// @param token What the bond is in.
    /// @param maxBond The most that the caller will put up.
    /// @return caseId The number of the case.
    function flag(uint256 assetId, bytes32 reason, address token, uint256 maxBond)
        external
        returns (uint256 caseId);

    /// @notice Appeal against a delisting, by the owner, to the DAO; takes the bond from the caller.
    /// @dev Against one delisting each owner appeals once at a time; a new owner does not wait for the last one's appeal.
    /// @param assetId The asset.
    /// @param reason sha2-256 of a document that says why.
    /// @param token What the bond is in.
    /// @param maxBond The most that the caller will put up.
    /// @return caseId The number of the case.
    function appeal(uint256 assetId, bytes32 reason, address token, uint256 maxBond)
        external
        returns (uint256 caseId);

    /// @notice Answer a flag, by the owner of the asset, within seven days.
    /// @param caseId The case.
    /// @param answer_ sha2-256 of the answer.
    function answer(uint256 caseId, bytes32 answer_) external;

    /// @notice Decide a flag: by the DAO or the council, after the answer or the time for it.
    /// @param caseId The case.
    /// @param upheld Whether the flag was right; if it was, the asset is delisted.
    /// @param reason sha2-256 of the reason.
    /// @param until When the delisting ends; zero if the DAO is to end it.
    function decideFlag(uint256 caseId, bool upheld, bytes32 reason, uint48 until) external;

    /// @notice Decide an appeal: by the DAO alone.
    /// @param caseId The case.
    /// @param upheld Whether the appeal was right; if it was, the delisting that it is against ends, and no other. If not,
    /// the bond is the treasury's.
    /// @param reason sha2-256 of the reason.
    function decideAppeal(uint256 caseId, bool upheld, bytes32 reason) external;

    /// @notice Close a case that nobody decided within 90 days; the bond goes back to who put it up.
    /// @param caseId The case.
    function lapse(uint256 caseId) external;

    /* LISTING */

    /// @notice Endorse an asset as it is: by the DAO or the council. It ends with a new document and with a new owner.
    /// @param assetId The asset.
    /// @param version The version of its document that was looked at.
    /// @param owner Whose it was.
    /// @param reason sha2-256 of the reason.
    function endorse(uint256 assetId, uint256 version, address owner, bytes32 reason) external;

    /// @notice End an endorsement: by the DAO or the council.
    /// @param assetId The asset.
    /// @param reason sha2-256 of the reason.
    function unendorse(uint256 assetId, bytes32 reason) external;

    /// @notice Delist without a flag: by the DAO alone.
    /// @param assetId The asset.
    /// @param reason sha2-256 of the reason.
    /// @param until When it ends; zero if it does not end by itself.
    function delist(uint256 assetId, bytes32 reason, uint48 until) external;

    /// @notice End a delisting: by anybody once it is over, by the DAO at any time.
    /// @param assetId The asset.
    function relist(uint256 assetId) external;

    /* SETTINGS: by the DAO */

    /// @notice Set what a flag or an appeal costs. Open cases keep their bond.
    /// @param token What the bond is in.
    /// @param amount How much; zero ends the token.
    function setBond(address token, uint128 amount) external;

    /* VIEWS */

    /// @notice What is said of an asset.
    /// @param assetId The asset.
    /// @return What holds now.
    function listingOf(uint256 assetId) external view returns (Listing memory);

    /// @notice A case.
    /// @param caseId Its number, from 1 to `caseCount`.
    /// @return The case; its state is None if there is none.
    function caseOf(uint256 caseId) external view returns (Case memory);

    /// @notice How many cases there were.
    /// @return The number of the last.
    function caseCount() external view returns (uint256);

    /// @notice What a flag or an appeal costs in a token.
    /// @param token The token.
    /// @return How much; zero if it is not taken.
    function bondIn(address token) external view returns (uint128);
}
