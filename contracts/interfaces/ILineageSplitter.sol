// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {ISplitter} from "./ISplitter.sol";

/// @title LineageSplitter: divides the royalties of one asset among its ancestors.
/// @notice Each ancestor is paid to the payout that it has at that moment, as its registry says. If the registry does not
/// say, or names this splitter, the part is parked for the ancestor itself, and the others are paid.
interface ILineageSplitter is ISplitter {
    /// @dev The registry of the ancestor names no payout that could be paid.
    error NoPayout(address registry, uint256 assetId);

    /// @notice Send what is parked for an ancestor itself to the payout that it has now. For anybody.
    /// @param token The token; zero for the native coin.
    /// @param registry Where the ancestor is published.
    /// @param assetId The ancestor.
    /// @return amount What was sent, in the token's units.
    function claimFor(address token, address registry, uint256 assetId) external returns (uint256 amount);

    /// @notice The asset whose royalties arrive here.
    /// @return registry Where it is published.
    /// @return assetId Its id.
    function asset() external view returns (address registry, uint256 assetId);

    /// @notice The name under which amounts are parked for an ancestor itself; nobody has the key of this address.
    /// @param registry Where the ancestor is published.
    /// @param assetId The ancestor.
    /// @return payee A hash of both, in the form of an address.
    function payeeFor(address registry, uint256 assetId) external pure returns (address payee);
}
