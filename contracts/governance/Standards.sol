// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {AssetInfo, EDITOR, IAssets} from "../interfaces/IAssets.sol";
import {Conformance, IStandards, Standard, StandardKind, StandardStatus} from "../interfaces/IStandards.sol";

/// @title Standards: versioned documents that the DAO adopts.
contract Standards is IStandards, AccessManaged {
    struct Declaration {
        uint32 version;
        uint24 assetVersion;
        uint24 epoch;
        address declarer;
    }

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
    function adopt(bytes32 name, uint32 version, bytes32 digest) external restricted {
        Standard storage standard = _standards[name][version];
        if (standard.status != StandardStatus.Proposed) {
            revert WrongStandardStatus(name, version, standard.status);
        }
        if (standard.digest != digest) revert OtherStandard(name, version, standard.digest);
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
        AssetInfo memory asset = registry.assetInfo(assetId);
        if (!_answersFor(assetId, asset, msg.sender)) revert MayNotDeclare(assetId, msg.sender);
        StandardStatus status = _standards[name][version].status;
        if (status != StandardStatus.Adopted) revert WrongStandardStatus(name, version, status);
        _declarations[assetId][name] =
            Declaration(version, uint24(asset.version), uint24(asset.epoch), msg.sender);
        emit ConformanceDeclared(assetId, name, version, uint64(asset.version), msg.sender);
    }

    /// @inheritdoc IStandards
    function withdraw(uint256 assetId, bytes32 name) external {
        if (!_answersFor(assetId, registry.assetInfo(assetId), msg.sender)) {
            revert MayNotDeclare(assetId, msg.sender);
        }
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
            current: declared.version != 0 && _isCurrent(assetId, declared)
        });
    }

    /* INTERNAL */

    function _isCurrent(uint256 assetId, Declaration memory declared) private view returns (bool) {
        AssetInfo memory asset = registry.assetInfo(assetId);
        return asset.version == declared.assetVersion && asset.epoch == declared.epoch
            && _answersFor(assetId, asset, declared.declarer);
    }

    function _answersFor(uint256 assetId, AssetInfo memory asset, address account)
        private
        view
        returns (bool)
    {
        return asset.owner == account || registry.rolesOf(assetId, account) & EDITOR != 0;
    }
}
