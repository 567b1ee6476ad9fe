// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {AssetInfo, IAssets} from "../interfaces/IAssets.sol";
import {Conformance, IStandards, Standard, StandardKind, StandardStatus} from "../interfaces/IStandards.sol";

/// @title Standards: versioned documents that the DAO adopts.
contract Standards is IStandards, AccessManaged {
    struct Declaration {
        uint32 version;
        uint64 assetVersion;
        address declarer;
    }

    /// @dev As the registry has it: may update the document.
    uint8 private constant EDITOR = 1;

    /// The registry whose assets may declare that they conform.
    IAssets public immutable registry;

    /// @inheritdoc IStandards
    mapping(bytes32 name => uint32) public latestVersion;
    mapping(bytes32 name => mapping(uint32 version => Standard)) private _standards;
    mapping(uint256 assetId => mapping(bytes32 name => Declaration)) private _declarations;

    constructor(address authority, IAssets registry_) AccessManaged(authority) {
        registry = registry_;
    }

    /* STANDARDS */

    /// @inheritdoc IStandards
    function proposeStandard(bytes32 name, StandardKind kind, bytes32 digest)
        external
        returns (uint32 version)
    {
        if (name == 0) revert EmptyName();
        if (digest == 0) revert EmptyStandard();
        version = ++latestVersion[name];
        _standards[name][version] = Standard(digest, msg.sender, kind, StandardStatus.Proposed);
        emit StandardProposed(name, version, kind, digest, msg.sender);
    }

    /// @inheritdoc IStandards
    function adopt(bytes32 name, uint32 version) external restricted {
        Standard storage standard = _standards[name][version];
        if (standard.status != StandardStatus.Proposed) {
            revert WrongStandardStatus(name, version, standard.status);
        }
        standard.status = StandardStatus.Adopted;
        emit StandardAdopted(name, version);
    }

    /// @inheritdoc IStandards
    function deprecate(bytes32 name, uint32 version) external restricted {
        Standard storage standard = _standards[name][version];
        if (standard.status != StandardStatus.Proposed && standard.status != StandardStatus.Adopted) {
            revert WrongStandardStatus(name, version, standard.status);
        }
        standard.status = StandardStatus.Deprecated;
        emit StandardDeprecated(name, version);
    }

    /* CONFORMANCE */

    /// @inheritdoc IStandards
    function declare(uint256 assetId, bytes32 name, uint32 version) external {
        AssetInfo memory asset = _checkMayDeclare(assetId);
        StandardStatus status = _standards[name][version].status;
        if (status != StandardStatus.Adopted) revert WrongStandardStatus(name, version, status);
        _declarations[assetId][name] = Declaration(version, uint64(asset.version), msg.sender);
        emit ConformanceDeclared(assetId, name, version, uint64(asset.version), msg.sender);
    }

    /// @inheritdoc IStandards
    function withdraw(uint256 assetId, bytes32 name) external {
        _checkMayDeclare(assetId);
        delete _declarations[assetId][name];
        emit ConformanceDeclared(assetId, name, 0, 0, msg.sender);
    }

    /* VIEWS */

    /// @inheritdoc IStandards
    function standardOf(bytes32 name, uint32 version) external view returns (Standard memory) {
        return _standards[name][version];
    }

    /// @inheritdoc IStandards
    function conformanceOf(uint256 assetId, bytes32 name) external view returns (Conformance memory) {
        Declaration memory declared = _declarations[assetId][name];
        return Conformance({
            version: declared.version,
            assetVersion: declared.assetVersion,
            declarer: declared.declarer,
            status: _standards[name][declared.version].status,
            current: declared.version != 0 && registry.assetInfo(assetId).version == declared.assetVersion
        });
    }

    /* INTERNAL */

    function _checkMayDeclare(uint256 assetId) private view returns (AssetInfo memory asset) {
        asset = registry.assetInfo(assetId);
        if (asset.owner != msg.sender && registry.rolesOf(assetId, msg.sender) & EDITOR == 0) {
            revert MayNotDeclare(assetId, msg.sender);
        }
    }
}
