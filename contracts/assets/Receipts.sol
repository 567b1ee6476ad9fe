// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {NoncesKeyed} from "@openzeppelin/contracts/utils/NoncesKeyed.sol";
import {ILicences} from "../interfaces/ILicences.sol";
import {IReceipts, Receipt} from "../interfaces/IReceipts.sol";
import {SignatureLib} from "../libraries/SignatureLib.sol";

/// @title Receipts: checks what holders of uses signed, and has the registry consume it.
/// @dev Made by the registry in its own constructor, which is the only contract that takes its word.
contract Receipts is IReceipts, EIP712, NoncesKeyed {
    bytes32 private constant RECEIPT_TYPEHASH = keccak256(
        "Receipt(uint256 assetId,uint8 licence,address account,uint32 uses,address service,bytes32 ref,uint256 nonce,uint48 deadline)"
    );

    /// @inheritdoc IReceipts
    ILicences public immutable registry = ILicences(msg.sender);

    constructor() EIP712("AI Asset Registry", "1") {}

    /// @inheritdoc IReceipts
    function consumeWithReceipt(Receipt calldata receipt, bytes calldata signature) external {
        if (block.timestamp > receipt.deadline) revert ReceiptExpired(receipt.deadline);
        if (receipt.service != address(0) && receipt.service != msg.sender) {
            revert WrongService(receipt.service, msg.sender);
        }
        _useCheckedNonce(receipt.account, receipt.nonce);
        if (!SignatureLib.isValid(receipt.account, hashReceipt(receipt), signature)) {
            revert InvalidReceiptSignature(receipt.account);
        }
        registry.consumeFor(
            receipt.assetId, receipt.licence, receipt.account, msg.sender, receipt.uses, receipt.ref
        );
    }

    /// @inheritdoc IReceipts
    function cancelReceipt(uint192 key) external {
        emit ReceiptCancelled(msg.sender, key, uint64(_useNonce(msg.sender, key)));
    }

    /// @inheritdoc IReceipts
    function hashReceipt(Receipt calldata receipt) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(RECEIPT_TYPEHASH, receipt)));
    }
}
