// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAssets} from "../interfaces/IAssets.sol";
import {Ancestor, ILineage} from "../interfaces/ILineage.sol";
import {ShareTable} from "../libraries/ShareTable.sol";
import {Splitter} from "./Splitter.sol";

/// @title LineageSplitter: divides the royalties of one asset among its ancestors.
/// @dev A clone that carries the registry (20 bytes) and the asset (8 bytes). Ancestors are assets: each is paid to the
/// payout that it has when the royalties are distributed. What was parked stays with the account it was parked for.
contract LineageSplitter is Splitter {
    ILineage private immutable _lineage = ILineage(msg.sender);

    /// @notice The registry and the asset whose royalties arrive here.
    function asset() public view returns (address registry, uint256 assetId) {
        uint256 word = uint256(bytes32(_args())) >> 32;
        return (address(uint160(word >> 64)), uint64(word));
    }

    /// @inheritdoc Splitter
    function _table() internal view override returns (bytes memory table) {
        (address registry, uint256 assetId) = asset();
        Ancestor[] memory ancestors = _lineage.ancestorsOf(registry, assetId);
        table = ShareTable.create(ancestors.length);
        for (uint256 i = 0; i < ancestors.length; ++i) {
            address payout = IAssets(registry).payoutOf(ancestors[i].assetId);
            ShareTable.set(table, i, payout, ancestors[i].royaltyBps);
        }
    }
}
