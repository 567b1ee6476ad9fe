// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Datatoken: units of one licence of one asset as an ERC-20 with permit.
/// @dev 18 decimals: 1e18 is one unit, as exchanges expect. Minted and redeemed by the registry.
interface IDatatoken {
    /// @dev Only the registry mints and redeems.
    error NotRegistry(address caller);

    /// @notice Mint `amount` (18 decimals) to `account`. For the registry.
    function mint(address account, uint256 amount) external;

    /// @notice Burn `amount` (18 decimals) of `account`. For the registry.
    function burn(address account, uint256 amount) external;

    /// @notice The registry that issues this token.
    function registry() external view returns (address);

    /// @notice The asset whose licence this is.
    function assetId() external view returns (uint256);

    /// @notice The number of the licence.
    function licence() external view returns (uint256);
}
