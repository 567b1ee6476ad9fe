// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AssetInfo} from "../interfaces/IAssets.sol";
import {ILineage, Parent} from "../interfaces/ILineage.sol";

/// @title PretendRegistry: says of any asset that it may be derived from, declares what it is told to when it is told to,
/// and answers the question who is paid in one of several ways.
contract PretendRegistry {
    enum Manner {
        Answer,
        Revert,
        BurnGas,
        ReturnNothing,
        ReturnDirt,
        ReturnBomb
    }

    uint16 private _royaltyBps;
    Manner private _manner;

    /// @dev The payout of all its assets.
    address private _payout;

    /// @dev It was told to revert.
    error Silent(uint256 assetId);

    constructor(uint16 royaltyBps, address payout_) {
        (_royaltyBps, _payout) = (royaltyBps, payout_);
    }

    /// @notice Answer in this manner from now on.
    function setManner(Manner manner) external {
        _manner = manner;
    }

    /// @notice Name another payout from now on.
    function setPayout(address payout_) external {
        _payout = payout_;
    }

    /// @notice Ask for another royalty from now on.
    function setRoyalty(uint16 royaltyBps) external {
        _royaltyBps = royaltyBps;
    }

    /// @notice Declare parents as this registry.
    function declare(ILineage lineage, uint256 assetId, Parent[] calldata parents) external {
        lineage.declareParents(assetId, parents);
    }

    /// @notice Any asset: active, and may be derived from.
    function assetInfo(uint256 assetId) external view returns (AssetInfo memory info) {
        _behave(assetId);
        info.derivatives.allowed = true;
        info.derivatives.royaltyBps = _royaltyBps;
    }

    /// @notice The payout of an asset.
    function payoutOf(uint256 assetId) external view returns (address) {
        _behave(assetId);
        return _payout;
    }

    /// @dev Ends the call, unless it is to be answered.
    function _behave(uint256 assetId) private view {
        if (_manner == Manner.Revert) revert Silent(assetId);
        if (_manner == Manner.BurnGas) while (true) {}
        if (_manner == Manner.ReturnNothing) _end(0, 0);
        if (_manner == Manner.ReturnDirt) _end(type(uint256).max, 32 * 12);
        if (_manner == Manner.ReturnBomb) _end(type(uint256).max, 30_000);
    }

    /// @dev Returns so many bytes, of which all words that are read are this one.
    function _end(uint256 word, uint256 size) private pure {
        assembly {
            for { let i := 0 } lt(i, size) { i := add(i, 32) } { mstore(i, word) }
            return(0, size)
        }
    }
}
