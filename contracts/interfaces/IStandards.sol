// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @dev What a standard is about.
enum StandardKind {
    Metadata,
    Licence,
    Conduct
}

/// @dev Where a version of a standard stands. None is there before it is proposed.
enum StandardStatus {
    None,
    Proposed,
    Adopted,
    Deprecated
}

/// @dev One version of a standard.
struct Standard {
    /// sha2-256 of the document, one raw block.
    bytes32 digest;
    address proposer;
    StandardKind kind;
    StandardStatus status;
}

/// @dev That an asset conforms to a version of a standard, as whoever answers for the asset says.
struct Conformance {
    /// Version of the standard; zero if nothing is declared.
    uint32 version;
    /// Version of the asset's document that was declared to conform.
    uint64 assetVersion;
    address declarer;
    /// Where that version of the standard stands now.
    StandardStatus status;
    /// Whether it still holds: the asset has the document and the owner that it had, and who declared still answers for it.
    bool current;
}

/// @title Standards: what the community means by a schema, a licence text or a rule of conduct.
/// @notice Documents by digest, in versions. Anybody may propose a version; the DAO adopts and deprecates.
interface IStandards {
    /* EVENTS */

    /// @notice A version was proposed.
    /// @param name The standard.
    /// @param version The version.
    /// @param kind What it is about.
    /// @param digest sha2-256 of the document.
    /// @param proposer Who proposed it.
    event StandardProposed(
        bytes32 indexed name,
        uint32 indexed version,
        StandardKind kind,
        bytes32 digest,
        address indexed proposer
    );

    /// @notice The DAO adopted a version.
    /// @param name The standard.
    /// @param version The version.
    event StandardAdopted(bytes32 indexed name, uint32 indexed version);

    /// @notice The DAO deprecated a version; declarations stay, and say so.
    /// @param name The standard.
    /// @param version The version.
    event StandardDeprecated(bytes32 indexed name, uint32 indexed version);

    /// @notice An asset was declared to conform, or no longer is.
    /// @param assetId The asset.
    /// @param name The standard.
    /// @param version The version; zero takes the declaration back.
    /// @param assetVersion The version of the asset's document.
    /// @param declarer Who declared.
    event ConformanceDeclared(
        uint256 indexed assetId, bytes32 indexed name, uint32 version, uint64 assetVersion, address declarer
    );

    /* ERRORS */

    /// @dev A standard has a name.
    error EmptyName();

    /// @dev A document has a digest.
    error EmptyStandard();

    /// @dev The version does not stand where this could be done.
    error WrongStandardStatus(bytes32 standard, uint32 version, StandardStatus status);

    /// @dev The version has another document than the one that was to be adopted.
    error OtherStandard(bytes32 standard, uint32 version, bytes32 digest);

    /// @dev The caller neither owns the asset nor may edit it.
    error MayNotDeclare(uint256 assetId, address account);

    /* ACTS */

    /// @notice Propose the next version of a standard, or a new one. Anybody may.
    /// @param name Up to 32 bytes of text, the same for all versions.
    /// @param kind What it is about.
    /// @param digest sha2-256 of the document.
    /// @return version Counted from 1.
    function proposeStandard(bytes32 name, StandardKind kind, bytes32 digest)
        external
        returns (uint32 version);

    /// @notice Adopt a proposed version: by the DAO.
    /// @param name The standard.
    /// @param version The version. Anybody may propose the next one, so a number says nothing of the document.
    /// @param digest sha2-256 of the document that is adopted.
    function adopt(bytes32 name, uint32 version, bytes32 digest) external;

    /// @notice Deprecate a version that is proposed or adopted: by the DAO.
    /// @param name The standard.
    /// @param version The version.
    function deprecate(bytes32 name, uint32 version) external;

    /// @notice Declare that an asset, as its document stands now, conforms to an adopted version: by its owner or an editor.
    /// @param assetId The asset.
    /// @param name The standard.
    /// @param version The version.
    function declare(uint256 assetId, bytes32 name, uint32 version) external;

    /// @notice Take a declaration back.
    /// @param assetId The asset.
    /// @param name The standard.
    function withdraw(uint256 assetId, bytes32 name) external;

    /* VIEWS */

    /// @notice A version of a standard.
    /// @param name The standard.
    /// @param version The version.
    /// @return The version; its status is None if there is none.
    function standardOf(bytes32 name, uint32 version) external view returns (Standard memory);

    /// @notice The last version of a standard, adopted or not.
    /// @param name The standard.
    /// @return Its number; zero if there is none.
    function latestVersion(bytes32 name) external view returns (uint32);

    /// @notice What an asset declares of a standard.
    /// @param assetId The asset.
    /// @param name The standard.
    /// @return What was declared, and whether it still holds.
    function conformanceOf(uint256 assetId, bytes32 name) external view returns (Conformance memory);
}
