// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Council: some who decide besides the DAO, for a time that it sets.
interface ICouncil {
    /// @notice Somebody may decide besides the DAO.
    /// @param council Who.
    /// @param until Until when.
    event CouncilNamed(address council, uint48 until);

    /// @dev A council is named for a year at most.
    error CouncilTooLong(uint256 until, uint256 maximum);

    /// @dev A reason is a document with a digest.
    error EmptyReason();

    /// @notice Name who may decide besides the DAO. For those whom the access manager lets.
    /// @param council_ Who.
    /// @param until Until when, a year from now at most.
    function nameCouncil(address council_, uint48 until) external;

    /// @notice Who may decide besides the DAO now.
    /// @return The council; zero for nobody.
    function council() external view returns (address);
}
