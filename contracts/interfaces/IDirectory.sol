// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @dev A contract and what it is called.
struct Entry {
    /// Short text, left-aligned, such as "marketplace".
    bytes32 name;
    /// Zero for a name that stands for nothing any more.
    address account;
}

/// @title Directory: where all contracts of a registry are, by name.
/// @notice The registry answers with it: whoever knows the registry's address finds all the others by one call.
interface IDirectory {
    /// @notice A name stands for another contract from now on.
    /// @param name The name.
    /// @param account The contract; zero for none.
    event EntrySet(bytes32 indexed name, address account);

    /// @dev An entry has a name.
    error EntryWithoutName(address account);

    /// @dev There is no contract at this address.
    error NoContractAt(bytes32 name, address account);

    /// @notice Add entries, or change them. For those whom the access manager lets.
    /// @param entries The names and their contracts; a zero address ends a name.
    function setEntries(Entry[] calldata entries) external;

    /// @notice All names that were ever set, in the order in which they came, and what they stand for now.
    /// @return The entries.
    function allEntries() external view returns (Entry[] memory);

    /// @notice The contract of a name.
    /// @param name The name.
    /// @return Its address; zero if there is none.
    function entryOf(bytes32 name) external view returns (address);
}
