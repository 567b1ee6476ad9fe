// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AssetInfo} from "../interfaces/IAssets.sol";
import {ILineage} from "../interfaces/ILineage.sol";

/// @title PretendRegistry: says of any asset that it may be derived from, and declares what it is told to.
contract PretendRegistry {
    uint16 private immutable _royaltyBps;

    /// @notice The payout of all its assets.
    address public payout;

    constructor(uint16 royaltyBps, address payout_) {
        (_royaltyBps, payout) = (royaltyBps, payout_);
    }

    /// @notice Declare parents as this registry.
    function declare(ILineage lineage, uint256 assetId, uint256[] calldata parents) external {
        lineage.declareParents(assetId, parents);
    }

    /// @notice Any asset: active, and may be derived from.
    function assetInfo(uint256) external view returns (AssetInfo memory info) {
        info.derivatives.allowed = true;
        info.derivatives.royaltyBps = _royaltyBps;
    }

    /// @notice The payout of an asset.
    function payoutOf(uint256) external view returns (address) {
        return payout;
    }
}
