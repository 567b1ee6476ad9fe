// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Datatoken: units of one licence of one asset as an ERC-20 with permit.
/// @dev 18 decimals: 1e18 is one unit, as exchanges expect. Minted and redeemed by the registry.
interface IDatatoken {
    /// @dev Only the registry mints and redeems.
    error NotRegistry(address caller);

    /// @notice Mint tokens. For the registry.
    /// @param account Who gets them.
    /// @param amount How many, of 18 decimals.
    function mint(address account, uint256 amount) external;

    /// @notice Burn tokens. For the registry.
    /// @param account Whose they are.
    /// @param amount How many, of 18 decimals.
    function burn(address account, uint256 amount) external;

    /// @notice The registry that issues this token.
    /// @return Its address.
    function registry() external view returns (address);

    /// @notice The asset whose licence this is.
    /// @return Its id.
    function assetId() external view returns (uint256);

    /// @notice The licence.
    /// @return Its number.
    function licence() external view returns (uint256);
}
