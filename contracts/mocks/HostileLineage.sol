// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ancestor, ILineage, Parent} from "../interfaces/ILineage.sol";

/// @title HostileLineage: asks as much as it was told to for its one ancestor, or fails.
contract HostileLineage is ILineage {
    uint16 private _royaltyBps;
    bool private _broken;

    /// @dev It was told to fail.
    error LineageBroken(uint256 assetId);

    /// @notice Ask this much for assets published from now on.
    function setRoyalty(uint16 royaltyBps) external {
        _royaltyBps = royaltyBps;
    }

    /// @notice Fail from now on, or work again.
    function setBroken(bool broken) external {
        _broken = broken;
    }

    /// @inheritdoc ILineage
    function declareParents(uint256 assetId, Parent[] calldata) external view returns (uint16) {
        if (_broken) revert LineageBroken(assetId);
        return _royaltyBps;
    }

    /// @inheritdoc ILineage
    function createSplitter(address, uint256 assetId) external view returns (address) {
        revert LineageBroken(assetId);
    }

    /// @inheritdoc ILineage
    function splitterOf(address, uint256 assetId) external pure returns (address) {
        revert LineageBroken(assetId);
    }

    /// @inheritdoc ILineage
    function ancestorsOf(address, uint256) external pure returns (Ancestor[] memory) {}

    /// @inheritdoc ILineage
    function splitterImplementation() external view returns (address) {
        return address(this);
    }
}
