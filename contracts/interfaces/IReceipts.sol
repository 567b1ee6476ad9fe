// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {ILicences} from "./ILicences.sol";

/// @dev A holder's signed word that uses may be consumed, given to a service.
struct Receipt {
    uint256 assetId;
    uint8 licence;
    /// The holder, who signs (EIP-712, or ERC-1271 for a contract).
    address account;
    uint32 uses;
    /// The only account that may hand the receipt in; zero for any.
    address service;
    /// What the uses are for, such as the digest of a job.
    bytes32 ref;
    /// High 192 bits a key of the holder's choice, low 64 bits the count within that key.
    uint256 nonce;
    /// Not valid after this time (seconds since 1970).
    uint48 deadline;
}

/// @title Receipts: a holder's signature in place of a transaction of its own.
/// @notice A holder of uses signs what a service may consume, and the service hands it in. Each receipt works once.
interface IReceipts {
    /// @notice The next receipt of a nonce key is worthless.
    /// @param account The holder.
    /// @param key The key.
    /// @param nonce The count within the key that was used up.
    event ReceiptCancelled(address indexed account, uint192 key, uint64 nonce);

    /// @dev The receipt's deadline has passed.
    error ReceiptExpired(uint256 deadline);

    /// @dev The receipt was written for another service.
    error WrongService(address service, address caller);

    /// @dev The signature is not the holder's over this receipt on this chain and for this contract.
    error InvalidReceiptSignature(address account);

    /// @notice Consume the uses of a holder who signed for it.
    /// @param receipt What the holder signed.
    /// @param signature The holder's signature.
    function consumeWithReceipt(Receipt calldata receipt, bytes calldata signature) external;

    /// @notice Make the next receipt of a nonce key worthless before it is handed in.
    /// @param key The key.
    function cancelReceipt(uint192 key) external;

    /// @notice The EIP-712 hash that the holder signs.
    /// @param receipt The receipt.
    /// @return The hash.
    function hashReceipt(Receipt calldata receipt) external view returns (bytes32);

    /// @notice The registry whose uses are consumed here.
    /// @return Its address.
    function registry() external view returns (ILicences);
}
