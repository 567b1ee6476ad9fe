// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

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
/// names for a time, decides. The bond goes back to who flagged, or to the owner who was flagged wrongly. A delisting stops
/// new sales, and nothing else: no token, balance or access can be touched from here.
interface ICuration {
    /* EVENTS */

    /// @notice An asset was flagged, or a delisting appealed.
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
    event CaseAnswered(uint256 indexed caseId, address indexed owner, bytes32 answer);

    /// @notice A case was decided, or nobody decided it in time; the bond is `beneficiary`'s to withdraw.
    event CaseClosed(
        uint256 indexed caseId, uint256 indexed assetId, CaseState state, bytes32 reason, address beneficiary
    );

    /// @notice An asset was endorsed, or no longer is.
    event EndorsementChanged(uint256 indexed assetId, bool endorsed, bytes32 reason);

    /// @notice An asset cannot be sold anew, until then; zero if the delisting does not end by itself.
    event AssetDelisted(uint256 indexed assetId, uint48 until, bytes32 reason);

    /// @notice An asset can be sold again.
    event AssetRelisted(uint256 indexed assetId);

    /// @notice A flag or an appeal costs this bond in a token from now on; zero ends the token.
    event BondChanged(address indexed token, uint128 amount);

    /// @notice These may decide besides the DAO, until then.
    event CouncilNamed(address council, uint48 until);

    /// @notice Somebody took out the bonds that were theirs.
    event BondsWithdrawn(address indexed account, address indexed token, address to, uint256 amount);

    /* ERRORS */

    /// @dev No bonds are taken in this token.
    error BondTokenNotAllowed(address token);

    /// @dev The bond is above what the claimant agreed to.
    error BondAboveMaximum(uint256 bond, uint256 maximum);

    /// @dev Nothing of the bond arrived.
    error BondMissing(address token);

    /// @dev A reason is a document with a digest.
    error EmptyReason();

    /// @dev There is no such open case.
    error CaseNotOpen(uint256 caseId, CaseState state);

    /// @dev The caller does not own the asset.
    error NotOwnerOfAsset(uint256 assetId, address account);

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

    /// @dev An appeal of this asset is open already.
    error AppealOpen(uint256 assetId, uint256 caseId);

    /// @dev A council is named for a year at most.
    error CouncilTooLong(uint256 until, uint256 maximum);

    /// @dev The case can lapse only after this.
    error NotLapsed(uint256 caseId, uint256 after_);

    /// @dev There is nothing to withdraw.
    error NothingToWithdraw(address account, address token);

    /* CASES */

    /// @notice Flag an asset; takes the bond from the caller.
    /// @param reason sha2-256 of a document that says what is wrong.
    /// @param maxBond The most that the caller will put up.
    function flag(uint256 assetId, bytes32 reason, address token, uint256 maxBond)
        external
        returns (uint256 caseId);

    /// @notice Appeal against a delisting, by the owner, to the DAO; takes the bond from the caller.
    function appeal(uint256 assetId, bytes32 reason, address token, uint256 maxBond)
        external
        returns (uint256 caseId);

    /// @notice Answer a flag, by the owner of the asset, within seven days.
    function answer(uint256 caseId, bytes32 answer_) external;

    /// @notice Decide a flag: by the DAO or the council, after the answer or the time for it.
    /// @param upheld Whether the flag was right. If it was, the asset is delisted until `until` (zero: until the DAO ends it).
    function decideFlag(uint256 caseId, bool upheld, bytes32 reason, uint48 until) external;

    /// @notice Decide an appeal: by the DAO alone. An upheld appeal ends the delisting.
    function decideAppeal(uint256 caseId, bool upheld, bytes32 reason) external;

    /// @notice Close a case that nobody decided within 90 days; the bond goes back to who put it up.
    function lapse(uint256 caseId) external;

    /// @notice Take out the bonds that are the caller's.
    function withdrawBonds(address token, address to) external returns (uint256 amount);

    /* LISTING */

    /// @notice Endorse an asset: by the DAO or the council.
    function endorse(uint256 assetId, bytes32 reason) external;

    /// @notice End an endorsement: by the DAO or the council.
    function unendorse(uint256 assetId, bytes32 reason) external;

    /// @notice Delist without a flag: by the DAO alone.
    function delist(uint256 assetId, bytes32 reason, uint48 until) external;

    /// @notice End a delisting: by anybody once it is over, by the DAO at any time.
    function relist(uint256 assetId) external;

    /* SETTINGS: by the DAO */

    /// @notice Set what a flag or an appeal costs in a token; zero ends the token. Open cases keep their bond.
    function setBond(address token, uint128 amount) external;

    /// @notice Name who may decide flags and endorse besides the DAO, for a year at most.
    function nameCouncil(address council, uint48 until) external;

    /* VIEWS */

    /// @notice What is said of an asset.
    function listingOf(uint256 assetId) external view returns (Listing memory);

    /// @notice A case; its state is None if there is none.
    function caseOf(uint256 caseId) external view returns (Case memory);

    /// @notice Cases are numbered from 1 to this.
    function caseCount() external view returns (uint256);

    /// @notice What a flag or an appeal costs in a token; zero if it is not taken.
    function bondIn(address token) external view returns (uint128);

    /// @notice What of a token an account may withdraw.
    function bondsOf(address account, address token) external view returns (uint256);

    /// @notice Who may decide besides the DAO now; zero for nobody.
    function council() external view returns (address);
}
