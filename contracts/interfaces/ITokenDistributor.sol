// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @dev What an account may claim; a leaf of the Merkle tree.
struct Entitlement {
    address account;
    uint256 amount;
    /// Seconds since 1970. Vesting starts then; all three are zero for what is paid out at once.
    uint64 start;
    uint64 cliff;
    uint64 duration;
}

/// @title Distribution of a token by a list of which only the Merkle root is on chain.
/// @notice Leaves are those of OpenZeppelin's StandardMerkleTree over
/// `(address account, uint256 amount, uint64 start, uint64 cliff, uint64 duration)`. Anybody may bring a proof; the token
/// goes to the account, or into its vesting wallet.
interface ITokenDistributor {
    /// @notice An entitlement was paid.
    /// @param account Whose it was.
    /// @param amount How much.
    /// @param receiver The account, or its vesting wallet.
    event Claimed(address indexed account, uint256 amount, address receiver);

    /// @notice What nobody claimed went to the treasury.
    /// @param treasury The treasury.
    /// @param amount How much.
    event Swept(address treasury, uint256 amount);

    /// @dev The list does not have this entitlement.
    error InvalidProof(address account, uint256 amount);

    /// @dev It was claimed before.
    error AlreadyClaimed(address account);

    /// @dev The time for claims is over.
    error ClaimsAreOver(uint256 end);

    /// @dev There is still time for claims.
    error ClaimsAreOpen(uint256 end);

    /// @notice Pay an entitlement. For anybody.
    /// @param entitlement The entitlement.
    /// @param proof That it is in the list: the hashes beside the way from its leaf to the root.
    /// @return receiver The account, or its new vesting wallet.
    function claim(Entitlement calldata entitlement, bytes32[] calldata proof)
        external
        returns (address receiver);

    /// @notice After the end, send what is left to the treasury. For anybody.
    /// @return amount How much.
    function sweep() external returns (uint256 amount);

    /// @notice Where the vesting wallet of an entitlement is, or will be.
    /// @param entitlement The entitlement.
    /// @return The address.
    function vestingOf(Entitlement calldata entitlement) external view returns (address);

    /// @notice Whether an entitlement was claimed.
    /// @param entitlement The entitlement.
    /// @return Whether it was.
    function isClaimed(Entitlement calldata entitlement) external view returns (bool);
}
